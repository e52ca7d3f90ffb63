"""The index of a tree: what is where, changed entry by entry or a layer at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pybuild.tree.entry import Entry, Kind
from pybuild.tree.paths import PackedPaths
from pybuild.tree.shelf import Shelves
from pybuild.tree.update import LayerUpdate
from pybuild.tree.walk import walk

_ROOT = Entry(b"", Kind.DIRECTORY, mode=0o755)
_LAYER_ONLY = frozenset({Kind.HARDLINK, Kind.WHITEOUT, Kind.OPAQUE})


class TreeIndex:
    """A tree in memory; starts with nothing but a root, 0755 0:0.

    Many threads may read while none writes. A file whose other names were replaced keeps its
    ``file_id``: nobody counts names.
    """

    def __init__(self) -> None:
        self._root = _ROOT
        self._paths = PackedPaths()
        self._directories = self._paths.directories  # every directory, and nothing else
        self._directories[b""] = Shelves()
        self._largest_file_id = 0

    def __len__(self) -> int:
        """How many names there are, the root not counted."""
        return len(self._paths)

    def get(self, path: bytes) -> Entry | None:
        """The entry at exactly this path, links not followed; None where there is none."""
        return self._paths.get(path) if path else self._root

    def children(self, path: bytes) -> tuple[bytes, ...]:
        """Names in a directory, sorted bytewise; empty for all else."""
        return self._paths.children(path)

    def is_directory(self, path: bytes) -> bool:
        """Whether there is a directory at exactly this path; cheaper than ``get``."""
        return path in self._directories

    def walk(self, path: bytes = b"") -> Iterator[Entry]:
        """Entries below a path, itself left out, in bytewise order of their paths."""
        return walk(self, path)

    def copy(self) -> TreeIndex:
        """An independent index of the same tree."""
        other = TreeIndex()
        other._root = self._root
        other._paths = self._paths.copy()
        other._directories = other._paths.directories
        other._largest_file_id = self._largest_file_id
        return other

    def put(self, entry: Entry) -> None:
        """Set one name; a directory keeps what is below it, all else has nothing below it.

        Missing parents are created 0755, 0:0, with time 0.

        Raises:
            ValueError: A kind that stands in layers only, or a root that is no directory.
        """
        kind = entry.kind
        if kind in _LAYER_ONLY:
            raise ValueError(f"a tree has no {kind.value}: {entry.path!r}")
        path = entry.path
        if not path:
            self._put_root(entry)
            return

        directory = path.rpartition(b"/")[0]
        if directory not in self._directories:
            self.put(Entry(directory, Kind.DIRECTORY, mode=0o755))
        if kind is not Kind.DIRECTORY:
            self._paths.drop_below(path)
        self._paths.put(entry)
        if kind is Kind.DIRECTORY and path not in self._directories:
            self._directories[path] = Shelves()
        self._largest_file_id = max(self._largest_file_id, entry.file_id)

    def remove(self, path: bytes) -> None:
        """Take away a name and all below it; nothing where it is not there.

        Raises:
            ValueError: The root cannot be removed.
        """
        if not path:
            raise ValueError("the root cannot be removed")
        self._paths.drop_below(path)
        self._paths.remove(path)

    def apply(self, entries: Iterable[Entry]) -> None:
        """Put a layer on top, as ``LayerUpdate`` does.

        Raises:
            IntegrityError: A hard link to what is not there or is a directory.
            LinkLoop: A name behind more than 40 links.
        """
        update = self.update()
        for entry in entries:
            update.add(entry)

    def update(self) -> LayerUpdate:
        """A new layer on top, to be given entry by entry."""
        return LayerUpdate(self)

    def new_file_id(self) -> int:
        """A number that no file of this tree has yet."""
        self._largest_file_id += 1
        return self._largest_file_id

    def _put_root(self, entry: Entry) -> None:
        if entry.kind is not Kind.DIRECTORY:
            raise ValueError(f"the root cannot be a {entry.kind.value}")
        self._root = entry
