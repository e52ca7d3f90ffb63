"""Steps in a directory that is an OCI layout: its index names each by its key in hex."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from pybuild.cache.entry import EMPTY, EMPTY_BYTES, About, read_entry, write_entry
from pybuild.cache.index import LayoutIndex
from pybuild.cache.layout import Layout, read_document
from pybuild.cache.place import PIECE_BYTES, layer_pieces
from pybuild.digest import Digest, hex_of
from pybuild.errors import IntegrityError
from pybuild.oci.manifest import Descriptor, Manifest
from pybuild.ports import BlobStore, CacheEntry, ChainLayer, Registry


class DirectoryPlace:
    """Steps in one directory (``cache.place.Place``), shared with other builds.

    ::

        root/oci-layout, root/index.json   names each entry's manifest: its key in hex
        root/blobs/sha256/HEX              manifests, configurations and layers

    A hit's layers stay in the directory: their ``repository`` is None, and the build's store is
    to look here, too (``cache.beside.StoreBeside``). That they are there whole is asked when the
    entry is found, by their sizes; their digests are checked by whoever reads them.

    Args:
        root: The directory.
        layout: Its blobs.
        registry: Has layers that no store of this machine has.
        store: Has the layers that this build made.
    """

    def __init__(self, root: Path, layout: Layout, registry: Registry, store: BlobStore) -> None:
        self._root = root
        self._layout = layout
        self._registry = registry
        self._store = store
        self._index = LayoutIndex(root)
        self._whole: set[Digest] = set()

    @property
    def name(self) -> str:
        """The directory."""
        return str(self._root)

    @property
    def shares_fate(self) -> str:
        """The directory."""
        return str(self._root)

    def find(self, key: Digest) -> CacheEntry | None:
        """The entry of a key, or None; reads the index and one small file."""
        named = self._index.read().steps.get(key)
        if named is None:
            return None
        source = f"{self._root}:{hex_of(key)}"
        manifest = Manifest.parse(read_document(self._layout, named), source=source)
        entry = read_entry(key, manifest, source=source, here=None)
        for blob in (named, *manifest.layers):
            if not self._has(blob):
                raise IntegrityError(f"{source} names {blob.digest}, which is not there whole")
        return entry

    def keep(self, key: Digest, entry: CacheEntry, about: About) -> None:
        """Keep an entry and all layers of its chain that no registry has; the index last."""
        last = len(entry.chain) - 1
        chain = tuple(
            self._bring(layer, own=entry.made_layer and position == last)
            for position, layer in enumerate(entry.chain)
        )
        stored = write_entry(key, replace(entry, chain=chain), about, None)
        self._layout.add(stored.config, stored.manifest.config.media_type)
        if EMPTY in stored.manifest.layers:
            self._layout.add(EMPTY_BYTES, EMPTY.media_type)
        manifest = self._layout.add(stored.manifest.to_bytes(), stored.manifest.media_type)
        # The index last: whoever finds the entry finds all that it names.
        self._index.put(key, manifest)

    def adopt(self, key: Digest, other: DirectoryPlace) -> None:
        """Have another directory's entry, unless there is one of its key; by links where it can be.

        Raises:
            IntegrityError: The other's entry is damaged.
            StateError: The disk refuses.
        """
        named = other._index.read().steps.get(key)
        if named is None or key in self._index.read().steps:
            return
        manifest = Manifest.parse(read_document(other._layout, named), source=other.name)
        for blob in (*manifest.layers, manifest.config, named):
            if not self._has(blob):
                self._take(blob, other._layout)
        self._index.put(key, named)

    def _take(self, blob: Descriptor, other: Layout) -> None:
        try:
            self._layout.path(blob.digest).hardlink_to(other.path(blob.digest))
        except OSError:  # another file system, or one without links
            with other.open(blob) as source, self._layout.writer() as writer:
                while piece := source.read(PIECE_BYTES):
                    writer.write(piece)
                writer.commit(blob.media_type, blob.digest)
        if not self._has(blob):  # from here on it counts as used by this build
            raise IntegrityError(f"{other.path(blob.digest)} is damaged")

    def _bring(self, layer: ChainLayer, *, own: bool) -> ChainLayer:
        if layer.repository is not None and not own:
            return layer
        descriptor = layer.descriptor
        if not self._has(descriptor):
            pieces = layer_pieces(layer, self._store, self._registry)
            with closing(pieces), self._layout.writer() as writer:
                for piece in pieces:
                    writer.write(piece)
                writer.commit(descriptor.media_type, descriptor.digest)
        return replace(layer, repository=None)

    def _has(self, blob: Descriptor) -> bool:
        """Whether a blob is there whole; from then on it is kept for this build."""
        if blob.digest in self._whole:
            return True
        if blob.digest not in self._layout:
            return False
        try:
            size_bytes = self._layout.path(blob.digest).stat().st_size
        except FileNotFoundError:
            return False
        if size_bytes == blob.size_bytes:
            self._whole.add(blob.digest)
            return True
        return False
