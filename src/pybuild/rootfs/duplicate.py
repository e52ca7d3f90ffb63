# ruff: noqa: PTH101, PTH102, PTH108, PTH115, PTH118, PTH208, PTH211 - paths in images are bytes, which pathlib does not take
"""Copies of files and directories with all that a layer says of them; and their removal."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable

Warn = Callable[[str], None]

_CHUNK_BYTES = 1 << 24
# What says that a filesystem cannot do it, or not between these two: copy_file_range(2).
_NO_RANGE = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})


def duplicate(source: bytes, target: bytes, warn: Warn) -> None:
    """Copy a name, and what is below it; target is not there yet, its parent is.

    Type, bytes, owner, mode, times, extended attributes and hard links within are kept. A socket
    is left out: nobody listens behind a copy. Other filesystems below source are copied too.

    Args:
        source: What to copy; links are copied, not followed.
        target: Where to.
        warn: Told of a device that cannot be made here.
    """
    _duplicate(source, target, {}, warn)


def adopt(source: bytes, target: bytes) -> None:
    """Give target the owner, mode, extended attributes and times of source, of the same type."""
    status = os.lstat(source)
    os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(target, stat.S_IMODE(status.st_mode))  # chown takes set-id bits away
    _adopt_xattrs(source, target)
    times = (status.st_atime_ns, status.st_mtime_ns)
    os.utime(target, ns=times, follow_symlinks=False)


def remove(path: bytes) -> None:
    """Remove a name, and what is below it; nothing there is fine."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISDIR(os.lstat(path).st_mode):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def copy_bytes(source: int, target: int) -> None:
    """Copy what is left of one open file into another; shares blocks where a filesystem can."""
    try:
        while os.copy_file_range(source, target, _CHUNK_BYTES):
            pass
    except OSError as error:
        if error.errno not in _NO_RANGE:
            raise
    # Files of /proc and the like end at once in copy_file_range; reading goes on where it stopped.
    while data := os.read(source, 1 << 20):
        while data:
            data = data[os.write(target, data) :]


def _duplicate(
    source: bytes, target: bytes, names: dict[tuple[int, int], bytes], warn: Warn
) -> None:
    status = os.lstat(source)
    kind = stat.S_IFMT(status.st_mode)
    inode = (status.st_dev, status.st_ino)

    if kind == stat.S_IFSOCK:
        return
    if kind != stat.S_IFDIR and status.st_nlink > 1:
        if inode in names:
            os.link(names[inode], target, follow_symlinks=False)
            return
        names[inode] = target

    if kind == stat.S_IFDIR:
        os.mkdir(target, 0o700)
        for name in os.listdir(source):
            _duplicate(os.path.join(source, name), os.path.join(target, name), names, warn)
    elif kind == stat.S_IFREG:
        _duplicate_file(source, target)
    elif kind == stat.S_IFLNK:
        os.symlink(os.readlink(source), target)
    elif not _make_node(target, status, warn):
        return
    adopt(source, target)


def _duplicate_file(source: bytes, target: bytes) -> None:
    flags = os.O_NOFOLLOW | os.O_CLOEXEC
    reader = os.open(source, os.O_RDONLY | flags)
    try:
        writer = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | flags, 0o600)
        try:
            copy_bytes(reader, writer)
        finally:
            os.close(writer)
    finally:
        os.close(reader)


def _make_node(target: bytes, status: os.stat_result, warn: Warn) -> bool:
    try:
        os.mknod(target, status.st_mode, status.st_rdev)
    except PermissionError:
        warn(f"{os.fsdecode(target)}: no device can be made here; the command will not see it")
        return False
    return True


def _adopt_xattrs(source: bytes, target: bytes) -> None:
    try:
        wanted = os.listxattr(source, follow_symlinks=False)
        there = os.listxattr(target, follow_symlinks=False)
    except OSError:
        return  # the filesystem has none (ENOTSUP), or none on links (EPERM)
    for name in wanted:
        # EPERM, ENOTSUP: a namespace (trusted.*, security.*) that this place does not give.
        with contextlib.suppress(OSError):
            value = os.getxattr(source, name, follow_symlinks=False)
            os.setxattr(target, name, value, follow_symlinks=False)
    for name in set(there) - set(wanted):
        with contextlib.suppress(OSError):
            os.removexattr(target, name, follow_symlinks=False)
