"""Bring the layers of base images into the store before a build asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pybuild.digest import Digest
from pybuild.oci.manifest import Descriptor
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference, Repository
from pybuild.ports import BlobStore, Registry, ResolvedImage

_IMAGES = 4  # looked up at once
_LAYERS = 4  # on their way at once; more only makes each slower


@dataclass(frozen=True, slots=True)
class Warmed:
    """An image whose layers are in the store.

    Attributes:
        image: As it was asked for, with its digest.
        fetched_bytes: What was not there before.
    """

    image: Reference
    layers: int
    fetched_bytes: int


def warm(
    references: Sequence[Reference],
    platform: Platform,
    registry: Registry,
    store: BlobStore,
    on_layer: Callable[[Descriptor, Repository], None],
) -> tuple[Warmed, ...]:
    """Fetch every layer that the store does not have; each is checked before it is there.

    Args:
        references: Images, in any registry.
        platform: Which one of an index.
        registry: Has them.
        store: Gets them.
        on_layer: Told of each layer that was fetched; called from any thread.

    Raises:
        RegistryError: One cannot be had.
        IntegrityError: One is not what it should be.
    """

    def fetch(layer: tuple[Repository, Descriptor]) -> int:
        repository, descriptor = layer
        if descriptor.digest in store:
            return 0
        with store.writer() as writer:
            for piece in registry.pull_blob(repository, descriptor):
                writer.write(piece)
            writer.commit(descriptor.media_type, descriptor.digest)
        on_layer(descriptor, repository)
        return descriptor.size_bytes

    with ThreadPoolExecutor(_IMAGES, "warm-image") as pool:
        images = list(pool.map(lambda one: registry.resolve(one, platform), references))
    wanted = {
        layer.digest: (image.repository, layer)
        for image in images
        for layer in image.manifest.layers
        if image.repository is not None
    }
    with ThreadPoolExecutor(_LAYERS, "warm-layer") as pool:
        fetched = dict(zip(wanted, pool.map(fetch, wanted.values()), strict=True))
    return tuple(_warmed(image, fetched) for image in images)


def _warmed(image: ResolvedImage, fetched: dict[Digest, int]) -> Warmed:
    """An image's account; a layer that two images have is in that of the first."""
    layers = dict.fromkeys(layer.digest for layer in image.manifest.layers)
    size_bytes = sum(fetched.pop(digest, 0) for digest in layers)
    return Warmed(image.reference, len(image.manifest.layers), size_bytes)
