"""What it means that the kernel refuses an entry: the entry makes no sense, or the disk is full."""

from __future__ import annotations

import errno
import os

from pybuild.archive.disk import state_error
from pybuild.errors import IntegrityError, PybuildError
from pybuild.tree.entry import Entry, Kind

_ENTRYS_FAULT = frozenset(
    {
        errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EEXIST,
        errno.EINVAL, errno.EXDEV, errno.EMLINK,
    }
)  # fmt: skip
"""What the kernel answers to entries that make no sense; all else is the disk's."""


def explained(error: OSError, entry: Entry) -> PybuildError:
    """The error of the project for a failed system call."""
    what = f"cannot make {shown(entry.path)}, a {entry.kind.value}"
    is_linked_directory = entry.kind is Kind.HARDLINK and error.errno == errno.EPERM
    if error.errno in _ENTRYS_FAULT or is_linked_directory:
        return IntegrityError(f"{what}: {error.strerror}")
    return state_error(error, what)


def shown(path: bytes) -> str:
    """A path in an error, cut where it is endless."""
    return "/" + os.fsdecode(path[:200])
