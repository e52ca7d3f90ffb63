"""The index of a tree: what is where, changed entry by entry or a layer at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pybuild.tree.entry import Entry, Kind
from pybuild.tree.packed import EntryPacker, Packed
from pybuild.tree.update import LayerUpdate
from pybuild.tree.walk import join, walk

_ROOT = Entry(b"", Kind.DIRECTORY, mode=0o755)
_LAYER_ONLY = frozenset({Kind.HARDLINK, Kind.WHITEOUT, Kind.OPAQUE})


class TreeIndex:
    """A tree in memory; starts with nothing but a root, 0755 0:0.

    Entries are kept packed, by directory: path → name → packed entry. Every directory has a
    mapping, also where it is empty; nothing else has one. That takes 180 bytes a name of 13 bytes,
    a tenth of it a directory.

    A file whose other names were replaced keeps its ``file_id``: nobody counts names.
    """

    def __init__(self) -> None:
        self._root = _ROOT
        self._packer = EntryPacker()
        self._directories: dict[bytes, dict[bytes, Packed]] = {b"": {}}
        self._largest_file_id = 0

    def __len__(self) -> int:
        """How many names there are, the root not counted."""
        return sum(map(len, self._directories.values()))

    def get(self, path: bytes) -> Entry | None:
        """The entry at exactly this path, links not followed; None where there is none."""
        if not path:
            return self._root
        parent, _, name = path.rpartition(b"/")
        names = self._directories.get(parent)
        packed = names.get(name) if names else None
        return None if packed is None else self._packer.unpack(packed, path)

    def children(self, path: bytes) -> tuple[bytes, ...]:
        """Names in a directory, sorted bytewise; empty for all else."""
        return tuple(sorted(self._directories.get(path, ())))

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
        other._packer = self._packer.copy()
        other._directories = {path: dict(names) for path, names in self._directories.items()}
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

        directory, _, name = path.rpartition(b"/")
        siblings = self._children_of(directory)
        if kind is Kind.DIRECTORY:
            self._directories.setdefault(path, {})
        elif path in self._directories:
            self._drop_below(path)
        siblings[name] = self._packer.pack(entry)
        self._largest_file_id = max(self._largest_file_id, entry.file_id)

    def remove(self, path: bytes) -> None:
        """Take away a name and all below it; nothing where it is not there.

        Raises:
            ValueError: The root cannot be removed.
        """
        if not path:
            raise ValueError("the root cannot be removed")
        parent, _, name = path.rpartition(b"/")
        if self._directories.get(parent, {}).pop(name, None) is not None:
            self._drop_below(path)

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

    def _children_of(self, directory: bytes) -> dict[bytes, Packed]:
        names = self._directories.get(directory)
        if names is None:
            self.put(Entry(directory, Kind.DIRECTORY, mode=0o755))
            names = self._directories[directory]
        return names

    def _put_root(self, entry: Entry) -> None:
        if entry.kind is not Kind.DIRECTORY:
            raise ValueError(f"the root cannot be a {entry.kind.value}")
        self._root = entry

    def _drop_below(self, path: bytes) -> None:
        names = self._directories.pop(path, None)
        pending = [(path, names)] if names else []
        while pending:
            directory, names = pending.pop()
            for name in names:
                below = join(directory, name)
                deeper = self._directories.pop(below, None)
                if deeper:
                    pending.append((below, deeper))
