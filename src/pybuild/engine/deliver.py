"""Push an image: every blob first, its manifest last, so that no tag names half an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from pybuild.engine.image import BuiltImage
from pybuild.engine.live import blob_pieces
from pybuild.engine.tools import Tools
from pybuild.oci.manifest import Descriptor
from pybuild.oci.reference import Reference, Repository
from pybuild.ports import ChainLayer

_UPLOADS = 4
"""Blobs on their way at once; more only makes each slower (BuildKit's limit for a host)."""


def push(image: BuiltImage, tags: Sequence[Reference], tools: Tools) -> None:
    """Push the image to every tag.

    Raises:
        RegistryError: A registry refused; then no tag that was not yet put is put.
    """
    repositories = list(dict.fromkeys(tag.repository for tag in tags))
    for repository in repositories:
        with tools.progress.vertex(f"pushing blobs to {repository}"):
            _push_blobs(image, repository, tools)
    for tag in tags:
        with tools.progress.vertex(f"pushing manifest for {tag}@{image.descriptor.digest}"):
            tools.registry.push_manifest(tag.repository, tag.selector, image.manifest)


def layer_bytes(layer: ChainLayer, tools: Tools) -> Iterator[bytes]:
    """A layer's compressed bytes, from the store or from the repository that has it."""
    if layer.descriptor.digest in tools.store or layer.repository is None:
        return blob_pieces(layer.descriptor, tools)
    return tools.registry.pull_blob(layer.repository, layer.descriptor)


def _push_blobs(image: BuiltImage, repository: Repository, tools: Tools) -> None:
    layers = {layer.descriptor.digest: layer for layer in image.layers}
    with ThreadPoolExecutor(_UPLOADS, thread_name_prefix="push") as pool:
        waiting = [pool.submit(_push_layer, layer, repository, tools) for layer in layers.values()]
        waiting.append(pool.submit(_push_config, image, repository, tools))
        try:
            for future in waiting:
                future.result()
        finally:
            for future in waiting:
                future.cancel()


def _push_layer(layer: ChainLayer, repository: Repository, tools: Tools) -> str:
    source = layer.repository
    same_host = source is not None and source.registry == repository.registry
    mount_from = source if same_host and source != repository else None
    return tools.registry.push_blob(
        repository, layer.descriptor, lambda: layer_bytes(layer, tools), mount_from
    )


def _push_config(image: BuiltImage, repository: Repository, tools: Tools) -> str:
    config: Descriptor = image.manifest.config
    return tools.registry.push_blob(repository, config, lambda: iter([image.config]))
