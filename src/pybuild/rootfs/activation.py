# ruff: noqa: PTH101, PTH102, PTH104, PTH118 - paths in images are bytes, which pathlib does not take
"""Which names move when a tree becomes the root or leaves it: planned as a value, then done.

A *pin* is a path that stays where it is: ``/proc``, or a mount point. What holds no pin is renamed
as a whole; a directory that holds one is merged child by child.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

ListDirectory = Callable[[bytes], Iterable[tuple[bytes, bool]]]
"""Names in a directory and whether each is a directory itself, links not followed."""


class BlockedError(Exception):
    """A pin lies below a name that is not a directory in the tree."""

    def __init__(self, path: bytes, pin: bytes) -> None:
        super().__init__(path, pin)
        self.path = path
        self.pin = pin


@dataclass(frozen=True, slots=True)
class Merge:
    """A directory whose names move one by one; its mode, owner and times go along.

    Attributes:
        path: Relative to the root; ``b""`` is the root.
        moves: Paths that are renamed as a whole.
        merges: Directories below that are merged in turn.
    """

    path: bytes
    moves: tuple[bytes, ...]
    merges: tuple[Merge, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all moves."""
        return not self.moves and all(merge.is_empty for merge in self.merges)

    def all_moves(self) -> list[bytes]:
        """Every path that is renamed."""
        return [*self.moves, *(path for merge in self.merges for path in merge.all_moves())]

    def all_merges(self) -> list[bytes]:
        """Every directory that is merged, with this one."""
        return [self.path, *(path for merge in self.merges for path in merge.all_merges())]


def plan(list_directory: ListDirectory, pins: frozenset[bytes], path: bytes = b"") -> Merge:
    """Sort the names of a tree into those that move, those that are merged and those that stay.

    Args:
        list_directory: Lists the tree that moves.
        pins: Relative paths, without a leading slash.
        path: Where to begin.

    Raises:
        BlockedError: A link, a file or a device stands where a pin needs a directory.
    """
    moves: list[bytes] = []
    merges: list[Merge] = []
    for name, is_directory in sorted(list_directory(path)):
        here = path + b"/" + name if path else name
        if here in pins:
            continue
        below = min((pin for pin in pins if pin.startswith(here + b"/")), default=None)
        if below is None:
            moves.append(here)
        elif is_directory:
            merges.append(plan(list_directory, pins, here))
        else:
            raise BlockedError(here, below)
    return Merge(path, tuple(moves), tuple(merges))


def lister(root: bytes) -> ListDirectory:
    """List directories below root on disk."""

    def list_directory(path: bytes) -> list[tuple[bytes, bool]]:
        with os.scandir(os.path.join(root, path)) as names:
            return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in names]

    return list_directory


def move(merge: Merge, source: bytes, target: bytes) -> None:
    """Rename from below source to below target.

    A merged directory that the target does not have is made there only if something moves into
    it: a directory of ours that holds nothing but mounts is not part of the tree.
    """
    here, there = os.path.join(source, merge.path), os.path.join(target, merge.path)
    if not os.path.lexists(there):
        if merge.is_empty:
            return
        os.mkdir(there)
    status = os.lstat(here)  # before the renames below change its time

    for path in merge.moves:
        os.rename(os.path.join(source, path), os.path.join(target, path))
    for below in merge.merges:
        move(below, source, target)

    os.chown(there, status.st_uid, status.st_gid, follow_symlinks=False)
    os.chmod(there, status.st_mode & 0o7777)
    os.utime(there, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)
