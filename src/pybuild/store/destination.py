"""Files and directories that appear at their destination complete, or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pybuild.errors import StateError
from pybuild.store.claims import claim_directory, claim_file, sweep
from pybuild.store.modes import file_mode
from pybuild.store.space import destination_errors

_NEW = ".pybuild-new-"


@contextmanager
def new_file(destination: Path | BinaryIO) -> Iterator[BinaryIO]:
    """A file that takes the destination's name when the block ends well.

    A stream, or what is there and is no regular file (``/dev/stdout``, a FIFO), is written as it
    is; then half of it may have been written when an error is raised. A symbolic link stays, and
    what it points to is replaced.

    Raises:
        StateError: The destination cannot be written.
    """
    if not isinstance(destination, Path):
        with destination_errors("to the stream"):
            yield destination
            destination.flush()
        return
    with destination_errors(destination):
        if _is_special(destination):
            with destination.open("wb") as file:
                yield file
            return
        with _replacement(Path(os.path.realpath(destination))) as file:
            yield file


@contextmanager
def new_directory(destination: Path) -> Iterator[Path]:
    """A directory whose contents appear at the destination when the block ends well.

    Raises:
        StateError: The destination cannot be written, or is not empty.
    """
    with workplace(destination) as temporary:
        if any(path != temporary for path in destination.iterdir()):
            raise StateError(
                f"cannot write {destination}: the directory is not empty",
                hint="name a new or empty directory, or an OCI layout",
            )
        yield temporary
        for child in sorted(temporary.iterdir()):
            child.replace(destination / child.name)


@contextmanager
def workplace(destination: Path) -> Iterator[Path]:
    """An empty directory in the destination, which is made where it is missing; removed at the end.

    It lies inside, since the destination may be a mount of its own.

    Raises:
        StateError: The destination cannot be written.
    """
    with destination_errors(destination):
        destination.mkdir(parents=True, exist_ok=True)
        sweep(destination, _NEW)
        claim = claim_directory(destination, _NEW)
        try:
            yield claim.path
        finally:
            shutil.rmtree(claim.path, ignore_errors=True)
            os.close(claim.fd)


@contextmanager
def _replacement(destination: Path) -> Iterator[BinaryIO]:
    destination.parent.mkdir(parents=True, exist_ok=True)
    if destination.is_dir():  # said before the work, not after it
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(destination))
    sweep(destination.parent, _NEW)
    claim = claim_file(destination.parent, _NEW)
    try:
        with open(claim.fd, "wb") as file:  # noqa: PTH123 - a descriptor has no Path
            yield file
            file.flush()
            os.fchmod(claim.fd, file_mode())  # a claim's own is for nobody else
            claim.path.replace(destination)
    finally:
        claim.path.unlink(missing_ok=True)


def _is_special(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
