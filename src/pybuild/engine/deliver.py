"""Push an image: layers while later steps run, the manifest last, so no tag names half an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from pybuild.digest import Digest
from pybuild.engine.image import BuiltImage
from pybuild.engine.live import blob_pieces
from pybuild.engine.tools import Tools
from pybuild.errors import RegistryError
from pybuild.oci.reference import Reference, Repository
from pybuild.ports import ChainLayer

_UPLOADS = 4
"""Blobs on their way at once; more only makes each slower (BuildKit's limit for a host)."""


def layer_bytes(layer: ChainLayer, tools: Tools) -> Iterator[bytes]:
    """A layer's compressed bytes, from the store or from the repository that has it."""
    if layer.descriptor.digest in tools.store or layer.repository is None:
        return blob_pieces(layer.descriptor, tools)
    return tools.registry.pull_blob(layer.repository, layer.descriptor)


class Delivery:
    """The way of one image to its tags; a context manager.

    Leaving the block by an error starts no other upload, does not wait for those that are on
    their way, and puts no manifest.
    """

    def __init__(
        self, tags: Sequence[Reference], tools: Tools, *, keep_immutable: bool = False
    ) -> None:
        """Prepare a push.

        Args:
            tags: What the image will be named.
            tools: The registry and the store.
            keep_immutable: Whether a tag that its registry refuses to move is only warned about.
        """
        self._keep_immutable = keep_immutable
        self._tags = tags
        self._repositories = list(dict.fromkeys(tag.repository for tag in tags))
        self._tools = tools
        self._pool = ThreadPoolExecutor(_UPLOADS, thread_name_prefix="push")
        self._on_their_way: dict[tuple[Repository, Digest], Future[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def check(self) -> None:
        """Find out before anything runs whether the repositories may be written.

        Raises:
            RegistryError: One refuses.
        """
        for repository in self._repositories:
            self._tools.registry.check_push(repository)

    def begin(self, layer: ChainLayer) -> None:
        """Begin to upload a layer that this build made; called from one thread at a time.

        Layers that lie in a registry wait for the end: by then they have been fetched, if
        anything of this build needs them.
        """
        if layer.repository is None:
            self._add(layer)

    def _add(self, layer: ChainLayer) -> None:
        for repository in self._repositories:
            way = (repository, layer.descriptor.digest)
            if way not in self._on_their_way:
                self._on_their_way[way] = self._pool.submit(self._push_layer, layer, repository)

    def finish(self, image: BuiltImage) -> None:
        """Upload what is missing, then put the manifest under every tag.

        Raises:
            RegistryError: A registry refused; no tag that was not put before is put then.
        """
        for layer in image.layers:
            self._add(layer)
        for repository in self._repositories:
            with self._tools.progress.vertex(f"pushing blobs to {repository}"):
                config = self._pool.submit(self._push_config, image, repository)
                for layer in image.layers:
                    self._on_their_way[repository, layer.descriptor.digest].result()
                config.result()
        if len(self._repositories) > 1:
            self._try_manifest(image)
        for tag in self._tags:
            title = f"pushing manifest for {tag}@{image.descriptor.digest}"
            with self._tools.progress.vertex(title):
                self._push_manifest(tag, image)

    def _try_manifest(self, image: BuiltImage) -> None:
        """Put the manifest under its digest, so that who refuses it does so before a tag moves."""
        for repository in self._repositories:
            digest = image.descriptor.digest
            self._tools.registry.push_manifest(repository, digest, image.manifest)

    def _push_manifest(self, tag: Reference, image: BuiltImage) -> None:
        try:
            self._tools.registry.push_manifest(tag.repository, tag.selector, image.manifest)
        except RegistryError as error:
            # Artifact Registry: "… has enabled tag immutability"; ECR: "… repository is immutable".
            if not (self._keep_immutable and "immutab" in error.message.lower()):
                raise
            self._tools.progress.warn("ImmutableTag", f"{tag} stays as it is: {error.message}")

    def _push_layer(self, layer: ChainLayer, repository: Repository) -> str:
        source = layer.repository
        same_host = source is not None and source.registry == repository.registry
        mount_from = source if same_host and source != repository else None
        return self._tools.registry.push_blob(
            repository, layer.descriptor, lambda: layer_bytes(layer, self._tools), mount_from
        )

    def _push_config(self, image: BuiltImage, repository: Repository) -> str:
        return self._tools.registry.push_blob(
            repository, image.manifest.config, lambda: iter([image.config])
        )
