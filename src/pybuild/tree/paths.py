"""Entries by path, packed: 85 bytes and its name for a file with a digest."""

from __future__ import annotations

from pybuild.tree.entry import Entry
from pybuild.tree.packed import EntryPacker
from pybuild.tree.shelf import Shelves
from pybuild.tree.walk import join

_NO_ENTRY = b""


class PackedPaths:
    """Entries by path, kept by directory; what is a tree and what is not is for others to say.

    A directory need not have an entry itself; the root has none. Many threads may read while none
    writes.

    Attributes:
        directories: The names in each path that has names below it, or was given any.
    """

    def __init__(self) -> None:
        self._packer = EntryPacker()
        self.directories: dict[bytes, Shelves] = {}

    def __len__(self) -> int:
        """How many names there are, those of directories without an entry included."""
        return sum(map(len, self.directories.values()))

    def get(self, path: bytes) -> Entry | None:
        """The entry at a path; None where there is none."""
        directory, _, name = path.rpartition(b"/")
        names = self.directories.get(directory)
        packed = names.get(name) if names is not None else None
        return self._packer.unpack(packed, path) if packed else None

    def put(self, entry: Entry) -> None:
        """Set what is at a path."""
        directory, _, name = entry.path.rpartition(b"/")
        names = self.directories.get(directory)
        if names is None:
            names = self._names_in(directory)
        names.put(name, self._packer.pack(entry))

    def remove(self, path: bytes) -> None:
        """Take one entry away, not what is below it."""
        directory, _, name = path.rpartition(b"/")
        names = self.directories.get(directory)
        if names is None:
            return
        if path in self.directories:
            names.put(name, _NO_ENTRY)
        else:
            names.remove(name)

    def children(self, path: bytes) -> tuple[bytes, ...]:
        """Names in a directory, sorted bytewise."""
        names = self.directories.get(path)
        return names.names() if names is not None else ()

    def drop_below(self, path: bytes) -> None:
        """Take all entries away that are below a path, which is no directory any more."""
        names = self.directories.pop(path, None)
        pending = [(path, names)] if names is not None else []
        while pending:
            directory, names = pending.pop()
            for name in names.names():
                below = join(directory, name)
                deeper = self.directories.pop(below, None)
                if deeper is not None:
                    pending.append((below, deeper))

    def _names_in(self, directory: bytes) -> Shelves:
        names = self.directories.get(directory)
        if names is None:
            names = self.directories[directory] = Shelves()
            above, _, name = directory.rpartition(b"/")
            if directory and (siblings := self._names_in(above)).get(name) is None:
                siblings.put(name, _NO_ENTRY)
        return names

    def copy(self) -> PackedPaths:
        """An independent copy."""
        other = PackedPaths()
        other._packer = self._packer.copy()
        other.directories = {path: names.copy() for path, names in self.directories.items()}
        return other
