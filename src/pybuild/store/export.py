"""Write a built image as an OCI layout, or as a tar that ``docker load`` takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pybuild.digest import hex_of
from pybuild.errors import IntegrityError, UsageError
from pybuild.oci import media
from pybuild.oci.manifest import Descriptor, layout_index
from pybuild.oci.reference import Reference
from pybuild.store.claims import sweep
from pybuild.store.destination import new_directory, new_file
from pybuild.store.layout import (
    INDEX_FILE,
    LAYOUT_BYTES,
    LAYOUT_FILE,
    NEW,
    blob_path,
    blob_writer,
    make_layout,
    write_whole,
)
from pybuild.store.layout_tar import LayoutTar, Sink
from pybuild.store.space import destination_errors

OpenBlob = Callable[[Descriptor], Iterator[bytes]]

ZSTD_REFUSED = "Docker before version 23 reads no zstd layers"

_TAG = "org.opencontainers.image.ref.name"  # image-spec annotations.md: here the tag alone
_FULL_NAME = "io.containerd.image.name"  # what containerd, and docker load on it, name it after
_DOCKER_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class ExportImage:
    """An image as it is exported: exact documents, and where its layers are described."""

    manifest: Descriptor
    manifest_bytes: bytes
    config: Descriptor
    config_bytes: bytes
    layers: tuple[Descriptor, ...]

    def blobs(self) -> tuple[Descriptor, ...]:
        """Every blob once, sorted by digest."""
        every = {blob.digest: blob for blob in (*self.layers, self.config, self.manifest)}
        return tuple(every[digest] for digest in sorted(every))

    @property
    def needs_docker_23(self) -> bool:
        """Whether a layer is compressed as no older daemon can read it."""
        return any(layer.media_type == media.OCI_LAYER_ZSTD for layer in self.layers)

    def opener(self, open_layer: OpenBlob) -> OpenBlob:
        """Opens documents and layers alike."""
        documents = {
            self.manifest.digest: self.manifest_bytes,
            self.config.digest: self.config_bytes,
        }

        def open_blob(blob: Descriptor) -> Iterator[bytes]:
            document = documents.get(blob.digest)
            return open_layer(blob) if document is None else iter((document,))

        return open_blob


def export_oci(
    image: ExportImage,
    destination: Path | BinaryIO,
    *,
    tar: bool,
    tags: tuple[Reference, ...],
    open_blob: OpenBlob,
) -> None:
    """Write an OCI layout (image-spec image-layout.md).

    Args:
        image: What to write.
        destination: A file, replaced where it exists; a stream; or a directory: new, empty, or
            an OCI layout, which then holds this image alone (blobs of others are left there).
        tar: Whether destination is a tar file.
        tags: Names in the index.
        open_blob: Gives a layer's bytes.

    Raises:
        StateError: The destination cannot be written; nothing new is there then.
        IntegrityError: A blob is not what its descriptor says.
    """
    if tar:
        with new_file(destination) as file:
            _write_archive(image, file, tags, open_blob, documents={})
    elif not isinstance(destination, Path):
        raise UsageError("an OCI layout as a directory cannot be written to a stream")
    elif (destination / LAYOUT_FILE).is_file():
        _write_layout(image, destination, tags, open_blob)
    else:
        with new_directory(destination) as directory:
            _write_layout(image, directory, tags, open_blob)


def export_docker(
    image: ExportImage,
    destination: Path | BinaryIO,
    *,
    tags: tuple[Reference, ...],
    open_blob: OpenBlob,
    warn: Callable[[str], None] | None = None,
) -> None:
    """Write a tar for ``docker load``: an OCI layout with a ``manifest.json``.

    Docker before 25 reads only the latter; it takes compressed layers, zstd since version 23.

    Args:
        image: What to write.
        destination: A file, replaced where it exists, or a stream.
        tags: Names that the image gets in the daemon.
        open_blob: Gives a layer's bytes.
        warn: Told what not every daemon takes.

    Raises:
        StateError: The destination cannot be written; nothing new is there then.
        IntegrityError: A blob is not what its descriptor says.
    """
    if warn is not None and image.needs_docker_23:
        warn(f"{ZSTD_REFUSED}: the archive has some; write it with compression=gzip for older ones")
    with new_file(destination) as file:
        write_docker_archive(image, file, tags, open_blob)


def write_docker_archive(
    image: ExportImage, file: Sink, tags: tuple[Reference, ...], open_blob: OpenBlob
) -> None:
    """Write what ``export_docker`` does to something that takes bytes.

    Raises:
        IntegrityError: A blob is not what its descriptor says.
    """
    _write_archive(image, file, tags, open_blob, {_DOCKER_MANIFEST: _docker_manifest(image, tags)})


def _write_archive(
    image: ExportImage,
    file: Sink,
    tags: tuple[Reference, ...],
    open_blob: OpenBlob,
    documents: dict[str, bytes],
) -> None:
    documents = {INDEX_FILE: _index(image, tags), LAYOUT_FILE: LAYOUT_BYTES, **documents}
    open_any = image.opener(open_blob)
    layout = LayoutTar(file)
    layout.begin()
    for blob in image.blobs():
        layout.add_blob(blob, open_any(blob))
    for name, data in sorted(documents.items()):
        layout.add_document(name, data)
    layout.end()


def _write_layout(
    image: ExportImage, root: Path, tags: tuple[Reference, ...], open_blob: OpenBlob
) -> None:
    open_any = image.opener(open_blob)
    added: list[Path] = []
    with destination_errors(root):
        make_layout(root)
        sweep(root, NEW)
        try:
            for blob in image.blobs():
                path = blob_path(root, blob.digest)
                if not path.exists():
                    added.append(path)
                _copy(blob, root, open_any(blob))
            write_whole(root / INDEX_FILE, _index(image, tags))
        except BaseException:
            for path in added:
                path.unlink(missing_ok=True)
            raise


def _copy(blob: Descriptor, root: Path, pieces: Iterator[bytes]) -> None:
    with blob_writer(root) as writer:
        for piece in pieces:
            writer.write(piece)
        made = writer.commit(blob.media_type, blob.digest)
    if made.size_bytes != blob.size_bytes:
        raise IntegrityError(
            f"the blob {blob.digest} has {made.size_bytes} bytes, not {blob.size_bytes}"
        )


def _index(image: ExportImage, tags: tuple[Reference, ...]) -> bytes:
    own = dict(image.manifest.annotations)
    named = [
        (image.manifest, {**own, _FULL_NAME: _name(tag), _TAG: tag.tag}) for tag in tags if tag.tag
    ]
    return layout_index(named or [(image.manifest, own)])


def _docker_manifest(image: ExportImage, tags: tuple[Reference, ...]) -> bytes:
    document = {
        "Config": _blob_path(image.config),
        "RepoTags": [_name(tag) for tag in tags if tag.tag] or None,
        "Layers": [_blob_path(layer) for layer in image.layers],
    }
    return json.dumps([document], separators=(",", ":")).encode()


def _blob_path(blob: Descriptor) -> str:
    return f"blobs/sha256/{hex_of(blob.digest)}"


def _name(tag: Reference) -> str:
    return f"{tag.repository}:{tag.tag}"
