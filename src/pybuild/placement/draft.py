"""A destination tree with what a step has placed in it so far, and where each of it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pybuild.imagepath import ImagePath
from pybuild.placement.errors import PlacementError
from pybuild.placement.origins import Origin, Origins
from pybuild.tree.change import hard_link
from pybuild.tree.entry import Entry, Kind, Tree
from pybuild.tree.links import LinkLoop, resolve
from pybuild.tree.paths import PackedPaths
from pybuild.tree.walk import ancestors, join, walk


@dataclass(frozen=True, slots=True)
class Placed:
    """One entry of the layer.

    Attributes:
        entry: With its path in the destination.
        part: The number of the part whose source has its bytes. None is a file of the destination
            itself (an archive may hold a hard link to one), or, without a source, a directory
            that was made or a name that was deleted.
        source: The path there; of an archive's member what the member says.
    """

    entry: Entry
    part: int | None = None
    source: bytes | None = None


class Draft:
    """A tree that is read through to another one and written on top of it."""

    def __init__(self, below: Tree) -> None:
        self._below = below
        self._root: Entry | None = None
        self._written = PackedPaths()  # the number of a file with more names is its file_id
        self._origins = Origins()
        self._removed: set[bytes] = set()  # what was there below, and all below that, is gone
        self._files = 0

    def get(self, path: bytes) -> Entry | None:
        """The entry at exactly this path, links not followed; None where there is none."""
        entry = self._own(path)
        if entry is not None:
            return replace(entry, file_id=0) if entry.file_id else entry
        return None if self._is_removed(path) else self._below.get(path)

    def children(self, path: bytes) -> tuple[bytes, ...]:
        """Names in a directory, sorted bytewise; empty for all else."""
        added = self._written.children(path)
        if self._is_removed(path):
            return added
        names = (name for name in self._below.children(path) if self.get(join(path, name)))
        return tuple(sorted({*names, *added}))

    def origin(self, path: bytes) -> Origin | None:
        """What was written at a path, or is there, is a copy of; None for what was made."""
        entry = self._own(path)
        return Origin(None, path) if entry is None else self._origin(entry)

    def new_file(self) -> int:
        """A number for a file that may get more names."""
        self._files += 1
        return self._files

    def write(self, entry: Entry, origin: Origin | None = None) -> None:
        """Set one name, in the place of anything but a directory; its parent is there."""
        file = origin.file if origin is not None else 0
        one = entry if entry.file_id == file else replace(entry, file_id=file)
        if entry.path:
            self._written.put(one)
        else:
            self._root = one
        self._origins.set(entry.path, origin)

    def remove(self, path: bytes) -> None:
        """Take a name away with all below it; something else is written there next."""
        if not self._is_removed(path) and self._below.get(path) is not None:
            self._removed.add(path)
        self._written.drop_below(path)
        self._written.remove(path)

    def placed(self) -> Iterator[Placed]:
        """What was written, in bytewise order, parents first; never the root, as in any layer."""
        for hidden in [*self._whiteouts()]:
            self.write(hidden)
        first_names: dict[int, bytes] = {}
        for entry in walk(self._written):
            origin = self._origin(entry)
            if origin is None:
                yield Placed(entry)
                continue
            one = entry
            if origin.file:
                first = first_names.setdefault(origin.file, entry.path)
                is_first = first == entry.path
                one = replace(entry, file_id=0) if is_first else hard_link(entry, first)
            yield Placed(one, origin.part, origin.source)

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

    def _own(self, path: bytes) -> Entry | None:
        return self._written.get(path) if path else self._root

    def _origin(self, entry: Entry) -> Origin | None:
        origin = self._origins.get(entry.path)
        return replace(origin, file=entry.file_id) if origin and entry.file_id else origin

    def _is_removed(self, path: bytes) -> bool:
        if not self._removed:
            return False
        return path in self._removed or any(one in self._removed for one in ancestors(path))

    def _whiteouts(self) -> Iterator[Entry]:
        """For a directory in the place of another one: what must not shine through.

        Single names, since an opaque whiteout has the path of the directory that it is in.
        """
        pending = list(self._removed)
        while pending:
            path = pending.pop()
            if not _is_directory(self._own(path)):
                continue  # all else hides what was below it
            for name in self._below.children(path):
                hidden = join(path, name)
                if self._own(hidden) is None:
                    yield Entry(hidden, Kind.WHITEOUT, mode=0)
                elif _is_directory(self._below.get(hidden)):
                    pending.append(hidden)


def _is_directory(entry: Entry | None) -> bool:
    return entry is not None and entry.kind is Kind.DIRECTORY
