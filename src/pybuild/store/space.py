"""Write bytes to a disk, and say how much it lacks where it is full."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pybuild.archive.disk import state_error
from pybuild.errors import StateError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_ROOM = "free some space there, or choose another destination"
_REFUSED = "choose a destination that this user can write"
_HINTS = {
    errno.ENOSPC: _NO_ROOM,
    errno.EDQUOT: _NO_ROOM,
    errno.EFBIG: "choose a file system that holds larger files",
    errno.EACCES: _REFUSED,
    errno.EPERM: _REFUSED,
    errno.EROFS: _REFUSED,
    errno.EISDIR: "name a file in the directory",
    errno.EPIPE: "let the reader read to the end",
}


def write_all(fd: int, data: bytes, path: Path, written: int) -> None:
    """Write all of data.

    Args:
        fd: Where to.
        data: What.
        path: What fd is called, for errors.
        written: How many bytes were written before, for errors.

    Raises:
        StateError: The disk is full or refuses.
    """
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError as error:
        raise _explained(error, fd, path, written + len(data) - len(view), len(view)) from error


def _explained(error: OSError, fd: int, path: Path, written: int, left: int) -> StateError:
    what = f"cannot write {path}"
    if error.errno in _FULL:
        status = os.fstatvfs(fd)
        free = status.f_bavail * status.f_frsize
        what += f" after {written} bytes, {left} more are needed at once and {free} are free there"
    return state_error(error, what)


@contextmanager
def destination_errors(destination: object) -> Iterator[None]:
    """Turn every OSError of the block into a StateError about what is exported to.

    Args:
        destination: A path, or what else says where.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if isinstance(error, FileExistsError):  # where a directory should be
            reason = f"{os.fsdecode(error.filename)} is a file"
        raise StateError(
            f"cannot write {destination}: {reason}",
            hint=_HINTS.get(error.errno or 0, ""),
        ) from error
