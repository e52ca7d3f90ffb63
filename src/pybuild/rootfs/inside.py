# ruff: noqa: PTH118 - paths in images are bytes, which pathlib does not take
"""Paths inside a tree on disk: where they lead, and where an inode has gone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from pybuild.errors import HostUnsupported
from pybuild.imagepath import ImagePath
from pybuild.rootfs import entries
from pybuild.tree import links
from pybuild.tree.entry import Entry

SHARED_MEMORY = b"dev/shm"
"""The container's shared memory, which no image has; relative to the root."""
Inode = tuple[int, int]
"""Device and number."""


@dataclass(frozen=True, slots=True)
class _OnDisk:
    root: bytes

    def get(self, path: bytes) -> Entry | None:
        return entries.candidate(self.root, path).entry

    def children(self, path: bytes) -> tuple[bytes, ...]:
        return tuple(sorted(os.listdir(os.path.join(self.root, path))))  # noqa: PTH208 - bytes


def resolve(root: bytes, path: str) -> bytes:
    """Follow links as the kernel would with root as its root; what is missing ends no search.

    Returns:
        A path relative to the root, without links.

    Raises:
        HostUnsupported: The links are a loop.
    """
    try:
        return links.resolve(_OnDisk(root), ImagePath.parse(os.fsencode(path))).relative
    except links.LinkLoop as error:
        raise HostUnsupported(f"{error} in the image") from error


def above(path: bytes) -> Iterator[bytes]:
    """The directories above a path, innermost first, without the root."""
    while path := path.rpartition(b"/")[0]:
        yield path


def is_plain(root: bytes, path: bytes) -> bool:
    """Whether every name above a path is a directory, no link: so it lies in the tree."""
    return all(_is_directory(os.path.join(root, directory)) for directory in above(path))


def inode_of(path: bytes) -> Inode | None:
    """What is at a path, links not followed; None where nothing is."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def names_of(root: bytes, inode: Inode) -> list[bytes]:
    """Every name of an inode in a tree, by a walk; relative."""
    found = []
    waiting = [b""]
    while waiting:
        directory = waiting.pop()
        with os.scandir(os.path.join(root, directory)) as names:
            for name in names:
                path = directory + b"/" + name.name if directory else name.name
                status = name.stat(follow_symlinks=False)
                if (status.st_dev, status.st_ino) == inode:
                    found.append(path)
                elif stat.S_ISDIR(status.st_mode):
                    waiting.append(path)
    return found


def _is_directory(path: bytes) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
