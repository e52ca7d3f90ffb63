"""Owner, mode, extended attributes and times of a name that was just made."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from pybuild.tree.entry import Entry

_SET_ID = stat.S_ISUID | stat.S_ISGID
_UNSUPPORTED = frozenset({errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOSPC})
"""What setxattr answers for a namespace or a size that this file system or user cannot have."""


class Attributes:
    """Applies what an entry says; what this place refuses is warned about once a kind.

    The order is the kernel's: chown clears set-id bits and ``security.capability``, so both come
    after it.
    """

    def __init__(self, warn: Callable[[str], None], unset_xattrs: set[bytes]) -> None:
        """Prepare to apply; names of extended attributes that are refused go into unset_xattrs."""
        self._warn = warn
        self._unset_xattrs = unset_xattrs
        self._warned: set[str] = set()

    def apply(self, fd: int, entry: Entry, mode: int) -> None:
        """Owner, mode and extended attributes of an open file or directory."""
        try:
            os.fchown(fd, entry.uid, entry.gid)
        except OSError as error:
            mode = self._without_owner(entry, mode, error)
        os.fchmod(fd, mode)
        if entry.xattrs:
            self._set_xattrs(fd, entry)

    def apply_special(self, directory_fd: int, name: bytes, entry: Entry) -> None:
        """All of a device or FIFO, which cannot be opened without consequences."""
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory_fd)
        try:
            path = b"/proc/self/fd/%d" % fd  # the one way to chmod what O_PATH holds
            mode = entry.mode
            try:
                os.chown(path, entry.uid, entry.gid)
            except OSError as error:
                mode = self._without_owner(entry, mode, error)
            os.chmod(path, mode)  # noqa: PTH101 - a path in bytes
            self._set_xattrs(path, entry)
            os.utime(path, ns=(entry.mtime_ns, entry.mtime_ns))
        finally:
            os.close(fd)

    def apply_link(self, directory_fd: int, name: bytes, entry: Entry) -> None:
        """All of a symbolic link, whose target is never looked at."""
        try:
            os.chown(name, entry.uid, entry.gid, dir_fd=directory_fd, follow_symlinks=False)
        except OSError as error:
            self._without_owner(entry, 0, error)
        if entry.xattrs:
            fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory_fd)
            try:
                self._set_xattrs(b"/proc/self/fd/%d" % fd, entry)
            finally:
                os.close(fd)
        times = (entry.mtime_ns, entry.mtime_ns)
        os.utime(name, ns=times, dir_fd=directory_fd, follow_symlinks=False)

    def drop_xattrs(self, fd: int, entry: Entry) -> None:
        """Take from a directory of a lower layer what the entry for it does not have."""
        try:
            present = [os.fsencode(name) for name in os.listxattr(fd)]
        except OSError:
            return  # a file system without extended attributes
        wanted = dict(entry.xattrs)
        for name in present:
            if name not in wanted and not name.startswith((b"security.selinux", b"system.")):
                os.removexattr(fd, name)

    def warn_once(self, what: str, entry: Entry, error: str) -> None:
        """Say that something cannot be had here, for the first entry that asks for it."""
        if what not in self._warned:
            self._warned.add(what)
            self._warn(f"{what} (first at /{os.fsdecode(entry.path)}): {error}")

    def _without_owner(self, entry: Entry, mode: int, error: OSError) -> int:
        """The mode that is safe where the owner cannot be set."""
        if error.errno not in {errno.EPERM, errno.EINVAL}:  # EINVAL: not in the id map
            raise error
        self.warn_once("owners cannot be set here", entry, str(error.strerror))
        return mode & ~_SET_ID  # never lend our own rights to a file meant for another

    def _set_xattrs(self, target: int | bytes, entry: Entry) -> None:
        for name, value in entry.xattrs:
            try:
                os.setxattr(target, name, value)
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                self._unset_xattrs.add(name)
                what = f"extended attributes {os.fsdecode(name)} cannot be set here"
                self.warn_once(what, entry, str(error.strerror))
