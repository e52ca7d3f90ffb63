"""Files and directories that appear at their destination complete, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pybuild.archive.disk import disk_errors
from pybuild.errors import StateError

_MODE = 0o644  # the umask of mkstemp would hide the file from everybody else


@contextmanager
def new_file(destination: Path) -> Iterator[BinaryIO]:
    """A file that takes the destination's name when the block ends well.

    Raises:
        StateError: The destination cannot be written.
    """
    with disk_errors(f"cannot write {destination}"):
        destination.parent.mkdir(parents=True, exist_ok=True)
        fd, name = tempfile.mkstemp(dir=destination.parent, prefix=f".{destination.name}.")
        temporary = Path(name)
        try:
            with open(fd, "wb") as file:  # noqa: PTH123 - a descriptor has no Path
                yield file
                os.fchmod(fd, _MODE)
            temporary.replace(destination)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def new_directory(destination: Path) -> Iterator[Path]:
    """A directory whose contents appear at the destination when the block ends well.

    Raises:
        StateError: The destination cannot be written, or is not empty.
    """
    with disk_errors(f"cannot write {destination}"):
        destination.mkdir(parents=True, exist_ok=True)
        if any(destination.iterdir()):
            raise StateError(
                f"cannot write {destination}: the directory is not empty",
                hint="name a new or empty directory, or an OCI layout",
            )
        # inside the destination, since that may be a mount of its own
        temporary = Path(tempfile.mkdtemp(dir=destination, prefix=".new-"))
        try:
            yield temporary
            for child in sorted(temporary.iterdir()):
                child.replace(destination / child.name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
