"""Take the places out of a tree again that were made there only to mount something for a RUN."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(root: Path, made: Sequence[str]) -> None:
    """Remove them, but for those into which the RUN put something; their parents keep their times.

    The RUN may have moved what lies above a place, and put a link there: none is followed.

    Args:
        root: The tree, which nobody writes to now.
        made: Absolute paths in it, in the order in which they were made.
    """
    for path in reversed(made):
        *above, name = path.strip("/").split("/")
        with contextlib.suppress(OSError), _opened(root, above) as parent:
            _remove(parent, name)


def _remove(parent: int, name: str) -> None:
    times = os.fstat(parent)
    status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if stat.S_ISDIR(status.st_mode):
        os.rmdir(name, dir_fd=parent)
    elif stat.S_ISREG(status.st_mode) and not status.st_size:
        os.unlink(name, dir_fd=parent)
    os.utime(parent, ns=(times.st_atime_ns, times.st_mtime_ns))


@contextmanager
def _opened(root: Path, names: Sequence[str]) -> Iterator[int]:
    directory = os.open(root, _DIRECTORY)
    try:
        for name in names:
            below = os.open(name, _DIRECTORY, dir_fd=directory)
            os.close(directory)
            directory = below
        yield directory
    finally:
        os.close(directory)
