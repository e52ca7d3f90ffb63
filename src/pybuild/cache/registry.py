"""The step cache in registry repositories: one image manifest a step, its tag the key in hex."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from pybuild.cache.entry import EMPTY, EMPTY_BYTES, StoredEntry, read_entry, write_entry
from pybuild.digest import Digest, hex_of
from pybuild.errors import BlobMissing, IntegrityError, PybuildError, RegistryError
from pybuild.events import BuildWarning, Emit
from pybuild.oci.manifest import Descriptor
from pybuild.oci.reference import Repository
from pybuild.ports import BlobStore, CacheEntry, ChainLayer, Registry

AT_ONCE = 16
"""Look-ups under way at the same time; the transport pools as many connections to a host."""

_CHUNK_BYTES = 256 << 10


class RegistryStepCache:
    """Results of steps in one or more repositories (``ports.StepCache``).

    Nothing here fails a build: a problem of a host is warned about once, and the host is then left
    alone for the rest of the build, for reading or for writing; an entry that cannot be understood
    is a miss and a warning.

    Args:
        registry: Where the repositories are.
        read: Asked in this order; the first that has an entry wins.
        write: Each gets every entry.
        store: Has the layers that this build made.
        emit: Gets the warnings.
    """

    def __init__(
        self,
        registry: Registry,
        read: Sequence[Repository],
        write: Sequence[Repository],
        store: BlobStore,
        emit: Emit,
    ) -> None:
        self._registry = registry
        self._read = tuple(read)
        self._write = tuple(write)
        self._store = store
        self._emit = emit
        self._left_alone: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def look_up(self, keys: Sequence[Digest]) -> dict[Digest, CacheEntry]:
        """Ask for all keys at once; those that miss are not in the answer."""
        wanted = tuple(dict.fromkeys(keys))
        if not wanted or not self._read:
            return {}
        with ThreadPoolExecutor(min(AT_ONCE, len(wanted)), "cache-look-up") as pool:
            found = pool.map(self._look_up_one, wanted)
            return {key: entry for key, entry in zip(wanted, found, strict=True) if entry}

    def save(self, key: Digest, entry: CacheEntry, title: str) -> None:
        """Keep a step's result in every repository that is written to."""
        for repository in self._write:
            if self._is_left_alone("write", repository):
                continue
            try:
                self._save_to(repository, key, entry, title)
            except BlobMissing as error:
                self._not_saved(title, repository, error)
            except RegistryError as error:
                self._leave_alone("write", repository, error)
            except (PybuildError, OSError) as error:
                self._not_saved(title, repository, error)

    def _not_saved(self, title: str, repository: Repository, error: Exception) -> None:
        message = f"{title} is not cached in {repository}: {error}"
        self._emit(BuildWarning("CacheNotSaved", message))

    def _look_up_one(self, key: Digest) -> CacheEntry | None:
        for repository in self._read:
            if self._is_left_alone("read", repository):
                continue
            try:
                entry = self._fetch(repository, key)
            except RegistryError as error:
                self._leave_alone("read", repository, error)
            except IntegrityError as error:
                message = f"a cache entry is ignored: {error.message}"
                self._emit(BuildWarning("CacheEntryIgnored", message))
            else:
                if entry is not None:
                    return entry
        return None

    def _fetch(self, repository: Repository, key: Digest) -> CacheEntry | None:
        tag = hex_of(key)
        manifest = self._registry.pull_manifest(repository, tag)
        if manifest is None:
            return None
        return read_entry(key, manifest, source=f"{repository}:{tag}")

    def _save_to(self, repository: Repository, key: Digest, entry: CacheEntry, title: str) -> None:
        last = len(entry.chain) - 1
        chain = tuple(
            self._keep(repository, layer, own=entry.made_layer and position == last)
            for position, layer in enumerate(entry.chain)
        )
        stored = write_entry(key, replace(entry, chain=chain), title)
        self._push_small_blobs(repository, stored)
        # The manifest last: whoever sees it finds all that it names.
        self._registry.push_manifest(repository, hex_of(key), stored.manifest)

    def _keep(self, repository: Repository, layer: ChainLayer, *, own: bool) -> ChainLayer:
        """The layer with a repository where it can be fetched, made to be there if it is ours.

        Layers of the base and of cache hits stay where they are.
        """
        if layer.repository is not None and not own:
            return layer
        source = self._source(layer)
        self._registry.push_blob(repository, layer.descriptor, source, layer.repository)
        return replace(layer, repository=repository)

    def _source(self, layer: ChainLayer) -> Callable[[], Iterator[bytes]]:
        descriptor, origin = layer.descriptor, layer.repository
        if origin is not None and descriptor.digest not in self._store:
            return lambda: self._registry.pull_blob(origin, descriptor)

        def chunks() -> Iterator[bytes]:
            with self._store.open(descriptor) as stream:
                while chunk := stream.read(_CHUNK_BYTES):
                    yield chunk

        return chunks

    def _push_small_blobs(self, repository: Repository, stored: StoredEntry) -> None:
        self._push_small(repository, stored.manifest.config, stored.config)
        if EMPTY in stored.manifest.layers:
            self._push_small(repository, EMPTY, EMPTY_BYTES)

    def _push_small(self, repository: Repository, descriptor: Descriptor, data: bytes) -> None:
        self._registry.push_blob(repository, descriptor, lambda: iter((data,)))

    def _is_left_alone(self, use: str, repository: Repository) -> bool:
        with self._lock:
            return (use, repository.registry) in self._left_alone

    def _leave_alone(self, use: str, repository: Repository, error: RegistryError) -> None:
        with self._lock:
            if (use, repository.registry) in self._left_alone:
                return
            self._left_alone.add((use, repository.registry))
        doing = "asked for steps" if use == "read" else "given steps"
        message = f"the cache at {repository.registry} is not {doing} any more: {error.message}"
        self._emit(BuildWarning("CacheUnavailable", message))
