# ruff: noqa: PTH115, PTH118 - paths in images are bytes, which pathlib does not take
"""Names on disk become entries."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from pybuild.rootfs import snapshot
from pybuild.tree.entry import Candidate, Entry, Kind

# Sockets are missing on purpose: a layer cannot hold one, so to an image they are not there.
_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHARACTER_DEVICE,
    stat.S_IFBLK: Kind.BLOCK_DEVICE,
    stat.S_IFIFO: Kind.FIFO,
}
_DEVICES = {Kind.CHARACTER_DEVICE, Kind.BLOCK_DEVICE}
# How overlayfs keeps its books in an upper directory; no image's own (filesystems/overlayfs.rst).
_OVERLAY_BOOKS = ("trusted.overlay.", "user.overlay.")


def candidate(root: bytes, path: bytes) -> Candidate:
    """What now is at a path below root; gone where there is nothing that a layer can hold."""
    place = os.path.join(root, path)
    try:
        status = os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return Candidate(path, None)
    kind = _KINDS.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return Candidate(path, None)
    device = status.st_rdev if kind in _DEVICES else 0
    entry = Entry(
        path=path,
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        mtime_ns=status.st_mtime_ns,
        size=status.st_size if kind is Kind.FILE else 0,
        link=os.readlink(place) if kind is Kind.SYMLINK else b"",
        device=(os.major(device), os.minor(device)),
        xattrs=_xattrs(place),
    )
    return Candidate(path, entry, (status.st_dev, status.st_ino), status.st_nlink)


def candidates(root: bytes) -> Iterator[Candidate]:
    """What is at every name below root, in any order."""
    waiting = [b""]
    while waiting:
        directory = waiting.pop()
        with os.scandir(os.path.join(root, directory)) as names:
            for name in names:
                path = snapshot.join(directory, name.name)
                yield candidate(root, path)
                if name.is_dir(follow_symlinks=False):
                    waiting.append(path)


def _xattrs(place: bytes) -> tuple[tuple[bytes, bytes], ...]:
    try:
        names = os.listxattr(place, follow_symlinks=False)
    except OSError:
        return ()  # the filesystem has none (ENOTSUP), or none on links (EPERM)
    return tuple(
        (os.fsencode(name), os.getxattr(place, name, follow_symlinks=False))
        for name in sorted(names)
        if not name.startswith(_OVERLAY_BOOKS)
    )
