# ruff: noqa: PTH118 - paths in images are bytes, which pathlib does not take
"""What a RUN in place has mounted, while it is in the tree: where it is, and what was touched."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from pybuild.imagepath import ImagePath
from pybuild.ports import Access, HostMount, Mount
from pybuild.rootfs import inside, snapshot, targets

DEVICES = b"dev"
"""The container's own devices, relative to the root; no image has them."""


@dataclass(slots=True)
class Shown:
    """One mount of a RUN.

    Attributes:
        thing: What is renamed into the tree; where it lies before and after.
        target: Where it is, or was, in the tree; with a base, in that directory of the root.
        key: Its topmost inode, when the RUN began.
        untouched: Whether that is as it was when the RUN ended.
    """

    mount: Mount
    thing: bytes
    target: targets.Target = field(default_factory=lambda: targets.Target(b""))
    key: int = 0
    untouched: bool = True

    @property
    def base(self) -> bytes:
        """``dev``, which is the container's own, or empty for the tree."""
        return DEVICES if is_device(self.mount) else b""

    @property
    def path(self) -> bytes:
        """Where it is, relative to the root."""
        return snapshot.join(self.base, self.target.path)


@dataclass(frozen=True, slots=True)
class Display:
    """All that a RUN has mounted, while it is in the tree.

    Attributes:
        root: Where the tree is during the RUN.
        shown: In the order of mounting.
    """

    root: bytes
    shown: tuple[Shown, ...]

    def places(self) -> dict[bytes, bytes]:
        """Names of the tree whose change times we move, and where they are during the RUN."""
        paths = [one.path for one in self.shown]
        places: dict[bytes, bytes] = {}
        for one in self.shown:
            path = one.path
            if one.base or any(path.startswith(other + b"/") for other in paths):
                continue  # in another mount, not in the tree
            parent = path.rpartition(b"/")[0]
            places.setdefault(parent, os.path.join(self.root, parent))
            if one.target.aside and os.path.lexists(one.target.aside):
                places[path] = one.target.aside
        return places

    def began(self) -> None:
        """The tree is in the root, and no command is on yet."""
        for one in self.shown:
            one.key, one.untouched = self._key(one), False

    def ended(self) -> None:
        """The command is over, and the tree still in the root."""
        for one in self.shown:
            one.untouched = self._key(one) == one.key != 0

    def _key(self, one: Shown) -> int:
        try:
            return snapshot.key_of(os.lstat(os.path.join(self.root, one.path)))
        except (FileNotFoundError, NotADirectoryError):
            return 0


def is_kept(mount: Mount) -> TypeGuard[HostMount]:
    """Whether what a RUN writes to a mount stays there."""
    return isinstance(mount, HostMount) and mount.access is Access.KEPT


def is_device(mount: Mount) -> bool:
    """Whether a mount lies below ``/dev``, where everything can be made but what is elsewhere.

    A heredoc's script lies there. Its names are put right after each RUN.
    """
    return not isinstance(mount, HostMount) and relative(mount).startswith(DEVICES + b"/")


def relative(mount: Mount) -> bytes:
    """A mount's target, relative to the root; its links are not followed."""
    return ImagePath.parse(os.fsencode(mount.target)).relative


def inner_paths(one: Shown, others: Sequence[Shown]) -> set[bytes]:
    """Paths inside a mount that other mounts in it have changed for a while."""
    found = set()
    for other in others:
        if other.path.startswith(one.path + b"/"):
            path = other.path[len(one.path) + 1 :]
            found |= {b"", path, *inside.above(path)}
    return found
