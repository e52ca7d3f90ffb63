"""Steps in a registry's repository: one image manifest a step, its tag the key in hex."""

from __future__ import annotations

from dataclasses import replace

from pybuild.cache.entry import EMPTY, EMPTY_BYTES, About, StoredEntry, read_entry, write_entry
from pybuild.cache.place import layer_pieces
from pybuild.digest import Digest, hex_of
from pybuild.oci.manifest import Descriptor
from pybuild.oci.reference import Repository
from pybuild.ports import BlobStore, CacheEntry, ChainLayer, Registry


class RepositoryPlace:
    """Steps in one repository (``cache.place.Place``).

    Layers of the base and of cache hits stay where they are: the entry says where.

    Args:
        repository: Where entries are.
        registry: How to get there.
        store: Has the layers that this build made.
    """

    def __init__(self, repository: Repository, registry: Registry, store: BlobStore) -> None:
        self._repository = repository
        self._registry = registry
        self._store = store

    @property
    def name(self) -> str:
        """The repository."""
        return str(self._repository)

    @property
    def shares_fate(self) -> str:
        """The host."""
        return self._repository.registry

    def find(self, key: Digest) -> CacheEntry | None:
        """The entry of a key by one request, or None."""
        tag = hex_of(key)
        manifest = self._registry.pull_manifest(self._repository, tag)
        if manifest is None:
            return None
        return read_entry(key, manifest, source=f"{self.name}:{tag}", here=self._repository)

    def keep(self, key: Digest, entry: CacheEntry, about: About) -> None:
        """Keep an entry and its own layer; the manifest last."""
        last = len(entry.chain) - 1
        chain = tuple(
            self._bring(layer, own=entry.made_layer and position == last)
            for position, layer in enumerate(entry.chain)
        )
        stored = write_entry(key, replace(entry, chain=chain), about, self._repository)
        self._push_small_blobs(stored)
        # The manifest last: whoever sees it finds all that it names.
        self._registry.push_manifest(self._repository, hex_of(key), stored.manifest)

    def _bring(self, layer: ChainLayer, *, own: bool) -> ChainLayer:
        """The layer with a repository where it can be fetched, made to be here if it is ours."""
        if layer.repository is not None and not own:
            return layer
        self._registry.push_blob(
            self._repository,
            layer.descriptor,
            lambda: layer_pieces(layer, self._store, self._registry),
            layer.repository,
        )
        return replace(layer, repository=self._repository)

    def _push_small_blobs(self, stored: StoredEntry) -> None:
        self._push_small(stored.manifest.config, stored.config)
        if EMPTY in stored.manifest.layers:
            self._push_small(EMPTY, EMPTY_BYTES)

    def _push_small(self, descriptor: Descriptor, data: bytes) -> None:
        self._registry.push_blob(self._repository, descriptor, lambda: iter((data,)))
