# ruff: noqa: PTH105, PTH108, PTH118 - paths in images are bytes, which pathlib does not take
"""Part a directory from files outside it that share an inode with its own.

With real mounts a link between a cache and the tree is refused (EXDEV), and programs copy; where
a cache lies in the tree they link, and who writes to one name later writes to both.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from pybuild.rootfs.duplicate import Warn, duplicate


def part(directory: bytes, warn: Warn) -> None:
    """Replace every file that has names elsewhere by a copy; links within stay links."""
    names: dict[tuple[int, int], list[bytes]] = {}
    links: dict[tuple[int, int], int] = {}
    for path, status in _files(directory):
        inode = (status.st_dev, status.st_ino)
        names.setdefault(inode, []).append(path)
        links[inode] = status.st_nlink

    for inode, inside in names.items():
        if links[inode] > len(inside):
            _replace(inside, warn)


def _files(directory: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    """Files with several names."""
    waiting = [directory]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(entry.path)
                elif status.st_nlink > 1:
                    yield entry.path, status


def _replace(names: list[bytes], warn: Warn) -> None:
    copy = os.path.join(os.path.dirname(names[0]), b".parted")  # noqa: PTH120 - bytes
    parents = {os.path.dirname(name) for name in names}  # noqa: PTH120 - bytes
    times = {parent: os.lstat(parent) for parent in parents}
    duplicate(names[0], copy, warn)
    for name in names[1:]:
        os.unlink(name)
        os.link(copy, name, follow_symlinks=False)
    os.replace(copy, names[0])
    for parent, status in times.items():
        os.utime(parent, ns=(status.st_atime_ns, status.st_mtime_ns))
