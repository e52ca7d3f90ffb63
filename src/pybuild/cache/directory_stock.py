"""The entries of a cache directory: listed by its index, removed with what they alone needed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Protocol

from pybuild.cache.entry import read_entry
from pybuild.cache.index import Contents, LayoutIndex
from pybuild.cache.layout import Layout, read_document
from pybuild.cache.stock import Explained, Held, is_entry
from pybuild.digest import Digest, hex_of
from pybuild.errors import IntegrityError
from pybuild.oci.document import Node
from pybuild.oci.manifest import Descriptor, Manifest

_DEEPEST = 8  # indexes in indexes


class Trimmed(Protocol):
    """What was removed."""

    @property
    def freed_bytes(self) -> int:
        """Together."""


class TrimmedLayout(Layout, Protocol):
    """A layout whose blobs can be removed; ``store.blobs.LayoutStore`` is one."""

    def trim(self, max_bytes: int, keep: Collection[Digest] = ()) -> Trimmed:
        """Remove all but those to keep and those that another build uses."""


class DirectoryStock:
    """The entries of one directory (``cache.stock.Stock``)."""

    def __init__(self, root: Path, layout: TrimmedLayout) -> None:
        self._root = root
        self._layout = layout
        self._index = LayoutIndex(root)

    def held(self, prefix: str = "") -> list[Held]:
        """Every entry whose key begins so and that can be read."""
        return [
            held
            for key, document in self._index.read().steps.items()
            if hex_of(key).startswith(prefix) and (held := self._held(key, document)) is not None
        ]

    def explain(self, held: Held) -> Explained:
        """An entry with its configuration."""
        source = f"{self._root}:{hex_of(held.key)}"
        explanation = read_document(self._layout, held.manifest.config)
        try:
            entry = read_entry(held.key, held.manifest, source=source, here=None)
        except IntegrityError as error:
            return Explained(held, None, error.message, explanation)
        return Explained(held, entry, "", explanation)

    def remove(self, gone: Iterable[Held]) -> int:
        """Take entries out of the index, then remove the blobs that nothing of it reaches.

        Entries that cannot be read go, too. Blobs that an open build may use stay until the next
        time.

        Raises:
            IntegrityError: What others have put there cannot be read: no blob is removed.
        """
        names = {held.key: held.document.digest for held in gone}
        for key, document in self._index.read().steps.items():
            if self._held(key, document) is None:
                names[key] = document.digest
        if names:
            self._index.remove(names)
        return self._layout.trim(0, self._reached(self._index.read())).freed_bytes

    def _held(self, key: Digest, document: Descriptor) -> Held | None:
        try:
            data = read_document(self._layout, document)
            manifest = Manifest.parse(data, source=f"{self._root}:{hex_of(key)}")
        except IntegrityError:
            return None
        used_s = self._layout.path(document.digest).stat().st_mtime
        return Held(key, document, manifest, used_s) if is_entry(manifest) else None

    def _reached(self, contents: Contents) -> set[Digest]:
        reached: set[Digest] = set()
        others = map(Descriptor.from_node, contents.others)
        for document in (*contents.steps.values(), *others):
            self._reach(document, reached, _DEEPEST)
        return reached

    def _reach(self, document: Descriptor, reached: set[Digest], deep: int) -> None:
        """Add a document and all that it names."""
        if document.digest in reached or not deep:
            return
        reached.add(document.digest)
        if not self._layout.path(document.digest).exists():
            return  # of an image for many platforms, not all need be there
        node = Node.parse(read_document(self._layout, document), document.digest)
        reached.update(Descriptor.from_node(one).digest for one in node["layers"].items())
        if node.has("config"):
            reached.add(Descriptor.from_node(node["config"]).digest)
        for one in node["manifests"].items():
            self._reach(Descriptor.from_node(one), reached, deep - 1)
