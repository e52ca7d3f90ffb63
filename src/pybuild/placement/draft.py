"""A destination tree with what a step has placed in it so far."""

from __future__ import annotations

from pybuild.imagepath import ImagePath
from pybuild.placement.spec import PlacementError
from pybuild.tree.entry import Entry, Kind, Tree
from pybuild.tree.links import LinkLoop, resolve
from pybuild.tree.walk import join


class Draft:
    """A tree that is read through to another one and written on top of it.

    Nothing that is placed takes a directory away, so what was written only adds to the tree below
    or replaces names that are no directories.
    """

    def __init__(self, below: Tree) -> None:
        self._below = below
        self._written: dict[bytes, Entry] = {}
        self._added: dict[bytes, set[bytes]] = {}

    def get(self, path: bytes) -> Entry | None:
        """The entry at exactly this path, links not followed; None where there is none."""
        return self._written.get(path) or self._below.get(path)

    def children(self, path: bytes) -> tuple[bytes, ...]:
        """Names in a directory, sorted bytewise; empty for all else."""
        return tuple(sorted({*self._below.children(path), *self._added.get(path, ())}))

    def write(self, entry: Entry) -> None:
        """Set one name; its parent is there."""
        self._written[entry.path] = entry
        self._added.setdefault(entry.parent, set()).add(entry.name)

    def written(self) -> tuple[Entry, ...]:
        """What was written, in bytewise order, parents first; never the root, as in any layer."""
        return tuple(self._written[path] for path in sorted(self._written) if path)

    def resolve(self, path: ImagePath) -> bytes:
        """Where a path leads inside the tree, links followed; it need not be there.

        Raises:
            PlacementError: Its links lead in a circle.
        """
        try:
            return resolve(self, path).relative
        except LinkLoop as loop:
            raise PlacementError(str(loop)) from None

    def make_directories(self, path: bytes, new: Entry) -> None:
        """Make the directories of a resolved path that are not there, each like new.

        Raises:
            PlacementError: Something on the way is no directory.
        """
        here = b""
        for part in path.split(b"/") if path else ():
            here = join(here, part)
            entry = self.get(here)
            if entry is None:
                self.write(new.at(here))
            elif entry.kind is not Kind.DIRECTORY:
                raise PlacementError(f"mkdir {ImagePath(here)}: not a directory")
