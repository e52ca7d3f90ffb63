"""One place that keeps steps: a registry's repository, or a directory."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

from pybuild.cache.entry import About
from pybuild.digest import Digest
from pybuild.ports import BlobStore, CacheEntry, ChainLayer, Registry

PIECE_BYTES = 256 << 10


class Place(Protocol):
    """Keeps entries; safe to use from many threads. Errors are the caller's to turn into misses."""

    @property
    def name(self) -> str:
        """As people name it."""

    @property
    def shares_fate(self) -> str:
        """What fails with it: its host, or itself. One trouble there is enough for all of them."""

    def find(self, key: Digest) -> CacheEntry | None:
        """The entry of a key, or None; moves no layer.

        Raises:
            RegistryError: It cannot be asked, this time and probably the next.
            IntegrityError: What is there is no entry of this key.
        """

    def keep(self, key: Digest, entry: CacheEntry, about: About) -> None:
        """Keep an entry and its own layer; whoever finds it finds all that it names.

        Raises:
            RegistryError: It cannot be written, this time and probably the next.
            PybuildError: This entry cannot be kept.
        """


def layer_pieces(layer: ChainLayer, store: BlobStore, registry: Registry) -> Generator[bytes]:
    """A layer's bytes, from the store or from the repository that has it; checked at their end."""
    origin = layer.repository
    if origin is not None and layer.descriptor.digest not in store:
        yield from registry.pull_blob(origin, layer.descriptor)
        return
    with store.open(layer.descriptor) as stream:
        while piece := stream.read(PIECE_BYTES):
            yield piece
