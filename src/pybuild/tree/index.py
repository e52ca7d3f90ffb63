"""The index of a tree: what is where, changed entry by entry or a layer at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pybuild.errors import IntegrityError
from pybuild.imagepath import ImagePath
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.links import resolve
from pybuild.tree.walk import ancestors, join, walk

_ROOT = Entry(b"", Kind.DIRECTORY, mode=0o755)
_LAYER_ONLY = frozenset({Kind.HARDLINK, Kind.WHITEOUT, Kind.OPAQUE})


class TreeIndex:
    """A tree in memory; starts with nothing but a root, 0755 0:0.

    Entries are kept by directory: path → name → entry. Every directory has a mapping, also where
    it is empty; nothing else has one.
    """

    def __init__(self) -> None:
        self._root = _ROOT
        self._directories: dict[bytes, dict[bytes, Entry]] = {b"": {}}

    def __len__(self) -> int:
        """How many names there are, the root not counted."""
        return sum(map(len, self._directories.values()))

    def get(self, path: bytes) -> Entry | None:
        """The entry at exactly this path, links not followed; None where there is none."""
        if not path:
            return self._root
        parent, _, name = path.rpartition(b"/")
        return self._directories.get(parent, {}).get(name)

    def children(self, path: bytes) -> tuple[bytes, ...]:
        """Names in a directory, sorted bytewise; empty for all else."""
        return tuple(sorted(self._directories.get(path, ())))

    def walk(self, path: bytes = b"") -> Iterator[Entry]:
        """Entries below a path, itself left out, in bytewise order of their paths."""
        return walk(self, path)

    def copy(self) -> TreeIndex:
        """An independent index of the same tree."""
        other = TreeIndex()
        other._root = self._root
        other._directories = {path: dict(names) for path, names in self._directories.items()}
        return other

    def put(self, entry: Entry) -> None:
        """Set one name; a directory keeps what is below it, all else has nothing below it.

        Missing parents are created 0755, 0:0, with time 0.

        Raises:
            ValueError: A kind that stands in layers only, or a root that is no directory.
        """
        if entry.kind in _LAYER_ONLY:
            raise ValueError(f"a tree has no {entry.kind.value}: {entry.path!r}")
        if not entry.path:
            self._put_root(entry)
            return

        siblings = self._children_of(entry.parent)
        if entry.kind is Kind.DIRECTORY:
            self._directories.setdefault(entry.path, {})
        else:
            self._drop_below(entry.path)
        siblings[entry.name] = entry

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
        """Put a layer on top.

        Directories merge, all else replaces. Whiteouts of both kinds hide what was there before
        the call, never what the call itself wrote (OCI image-spec, layer.md, "Whiteouts"),
        wherever in the layer they stand. Links in the way to a name are followed inside the root,
        as containerd does: a layer's ``lib/x`` lands in ``usr/lib`` of a merged-usr base. A hard
        link becomes an entry like its target's.

        Raises:
            IntegrityError: A hard link to what is not there or is a directory.
            LinkLoop: A name behind more than 40 links.
        """
        written: set[bytes] = set()
        for entry in entries:
            path = self._real(entry.path)
            match entry.kind:
                case Kind.WHITEOUT:
                    self._hide(path, written)
                case Kind.OPAQUE:
                    self._hide_below(path, written)
                case Kind.HARDLINK:
                    self._write(self._link_target(entry).at(path), written)
                case _:
                    self._write(entry.at(path), written)

    def _write(self, entry: Entry, written: set[bytes]) -> None:
        self.put(entry)
        written.add(entry.path)
        written.update(ancestors(entry.path))

    def _hide(self, path: bytes, written: set[bytes]) -> None:
        if path in written or not path:
            self._hide_below(path, written)
        else:
            self.remove(path)

    def _hide_below(self, path: bytes, written: set[bytes]) -> None:
        for name in self.children(path):
            self._hide(join(path, name), written)

    def _link_target(self, entry: Entry) -> Entry:
        target = self.get(self._real(entry.link))
        if target is None or target.kind is Kind.DIRECTORY:
            raise IntegrityError(
                f"the layer is broken: {ImagePath.parse(entry.path)} is a hard link to "
                f"{ImagePath.parse(entry.link)}, which is not a file before it"
            )
        return target

    def _real(self, path: bytes) -> bytes:
        parent = path.rpartition(b"/")[0]
        if parent in self._directories:
            return path
        return resolve(self, ImagePath.parse(path), follow_last=False).relative

    def _children_of(self, directory: bytes) -> dict[bytes, Entry]:
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
