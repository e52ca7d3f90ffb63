"""Errors of the disk as StateError, for everybody who writes blobs and trees."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from pybuild.errors import StateError

_FULL = "free some space, or choose a larger file system with --state-dir"
_REFUSED = "choose a directory that this user can write, for example with --state-dir"
_HINTS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _REFUSED,
    errno.EPERM: _REFUSED,
    errno.EROFS: _REFUSED,
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the limit of open files (fs.file-max)",
}


def state_error(error: OSError, what: str) -> StateError:
    """The StateError for a failed system call.

    Args:
        error: What the kernel said.
        what: What was being done and to what, as ``cannot write /x``.
    """
    reason = error.strerror or str(error)
    return StateError(f"{what}: {reason}", hint=_HINTS.get(error.errno or 0, ""))


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Turn every OSError of the block into a StateError that begins with what."""
    try:
        yield
    except OSError as error:
        raise state_error(error, what) from error
