"""What a RUN in place can change of the machine outside its tree: seen before, put back after."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ACCOUNTED = (Path("/etc/hosts"), Path("/etc/hostname"), Path("/etc/resolv.conf"))
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the place itself


@contextmanager
def kept(files: Iterable[Path] = ACCOUNTED, memory: Path = SHARED_MEMORY) -> Iterator[None]:
    """Restore the runtime's files and empty shared memory of what the block left there.

    The files are written, not replaced: each is a mount.
    """
    contents = {file: file.read_bytes() for file in files if file.is_file()}
    names = set(_names(memory))
    try:
        yield
    finally:
        for file, content in contents.items():
            if file.read_bytes() != content:
                file.write_bytes(content)
        for name in set(_names(memory)) - names:
            _remove(memory / name)


def _names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()] if directory.is_dir() else []


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
