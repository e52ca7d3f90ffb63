"""An image of an OCI layout on this machine, as a base (``oci-layout://`` contexts)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pybuild.digest import Digest, sha256_of
from pybuild.errors import ContextError, IntegrityError
from pybuild.oci import media
from pybuild.oci.config import ImageConfig
from pybuild.oci.document import Node
from pybuild.oci.manifest import Descriptor, Index, IndexEntry, Manifest
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference
from pybuild.ports import BlobStore, ResolvedImage
from pybuild.store.layout import INDEX_FILE, blob_path

_TAG = "org.opencontainers.image.ref.name"  # image-spec annotations.md
_FULL_NAME = "io.containerd.image.name"
_LARGEST_DOCUMENT = 16 << 20  # bytes; held in memory
_PIECE = 1 << 20


def read_layout_image(
    directory: Path, reference: Reference, platform: Platform, store: BlobStore
) -> ResolvedImage:
    """Find an image in a layout and bring its layers into the store.

    Args:
        directory: The layout.
        reference: Its tag or digest says which image; the only one is meant by any tag.
        platform: Which one of an index.
        store: Gets the layers.

    Raises:
        ContextError: It is not there.
        IntegrityError: The layout is damaged.
    """
    return _Layout(directory, reference, store).read(platform)


@dataclass(frozen=True, slots=True)
class _Layout:
    directory: Path
    reference: Reference
    store: BlobStore

    def read(self, platform: Platform) -> ResolvedImage:
        digest, data = self._manifest(platform)
        manifest = Manifest.parse(data, source=f"{digest} of {self.directory}")
        config = ImageConfig.parse(
            self._document(manifest.config.digest), source=f"the configuration of {self.reference}"
        )
        config.require_layers(len(manifest.layers), source=str(self.reference))
        for layer in manifest.layers:
            self._bring(layer)
        return ResolvedImage(self.reference.pinned(digest), None, digest, manifest, config)

    def _manifest(self, platform: Platform) -> tuple[Digest, bytes]:
        digest = self.reference.digest or self._chosen(self._tagged(), platform)
        data = self._document(digest)
        while _is_index(data):
            source = f"{digest} of {self.directory}"
            chosen = Index.parse(data, source=source).for_platform(platform)
            if chosen is None:
                raise ContextError(f"{self.reference} has no image for {platform}")
            digest = chosen.digest
            data = self._document(digest)
        return digest, data

    def _chosen(self, entries: list[IndexEntry], platform: Platform) -> Digest:
        fitting = [one for one in entries if one.platform in {None, platform}]
        if not fitting:
            raise ContextError(f"{self.reference} has no image for {platform}")
        return fitting[-1].descriptor.digest

    def _tagged(self) -> list[IndexEntry]:
        """The entries of a tag, the latest last; more than one where each is for a platform."""
        data = self._read(self.directory / INDEX_FILE)
        entries = Index.parse(data, source=str(self.directory / INDEX_FILE)).entries
        named = [one for one in entries if self._is_named(one)]
        if not named and len(entries) == 1:
            named = list(entries)
        if not named:
            raise ContextError(
                f"the OCI layout {self.directory} has no image with the tag {self.reference.tag}",
                hint="name a tag or a digest that its index.json has",
            )
        return named

    def _is_named(self, entry: IndexEntry) -> bool:
        notes = dict(entry.descriptor.annotations)
        tag = self.reference.tag or ""
        return tag == notes.get(_TAG) or notes.get(_FULL_NAME, "").endswith(f":{tag}")

    def _document(self, digest: Digest) -> bytes:
        data = self._read(blob_path(self.directory, digest))
        if sha256_of(data) != digest:
            raise IntegrityError(f"the blob {digest} of {self.directory} is damaged")
        return data

    def _read(self, path: Path) -> bytes:
        try:
            with path.open("rb") as file:
                data = file.read(_LARGEST_DOCUMENT + 1)
        except OSError as error:
            raise self._unreadable(path, error) from error
        if len(data) > _LARGEST_DOCUMENT:
            raise IntegrityError(f"{path} is larger than 16 MiB")
        return data

    def _bring(self, layer: Descriptor) -> None:
        if layer.media_type not in media.LAYERS:
            raise IntegrityError(
                f"{self.reference} has a layer of the media type {layer.media_type[:80]!r},"
                " which cannot be used"
            )
        if layer.digest in self.store:
            return
        path = blob_path(self.directory, layer.digest)
        try:
            with path.open("rb") as file, self.store.writer() as writer:
                size_bytes = 0
                while piece := file.read(_PIECE):
                    size_bytes += len(piece)
                    writer.write(piece)
                if size_bytes != layer.size_bytes:
                    raise IntegrityError(
                        f"the blob {layer.digest} of {self.directory} has {size_bytes} bytes, not"
                        f" {layer.size_bytes}"
                    )
                writer.commit(layer.media_type, layer.digest)
        except OSError as error:
            raise self._unreadable(path, error) from error

    def _unreadable(self, path: Path, error: OSError) -> ContextError:
        return ContextError(
            f"the OCI layout {self.directory} cannot be read: {path}: {error.strerror}"
        )


def _is_index(data: bytes) -> bool:
    return Node.parse(data, "a document of the layout").has("manifests")
