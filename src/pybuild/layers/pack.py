"""Items become a compressed layer in the blob store, in constant memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from pybuild.archive import writer
from pybuild.digest import Digest
from pybuild.errors import IntegrityError
from pybuild.layers import whiteouts
from pybuild.layers.blob import LayerBlob
from pybuild.layers.compression import GZIP, Compression
from pybuild.layers.content import ContentReader
from pybuild.oci.manifest import Descriptor
from pybuild.ports import BlobStore
from pybuild.tree.entry import NS_PER_S, Entry, Item, Kind


@dataclass(frozen=True, slots=True)
class PackedLayer:
    """A layer in the store.

    Attributes:
        unpacked_bytes: Size of the tar.
    """

    descriptor: Descriptor
    diff_id: Digest
    unpacked_bytes: int


def pack(
    items: Iterable[Item],
    store: BlobStore,
    *,
    compression: Compression = GZIP,
    rewrite_to: int | None = None,
    record: Callable[[Entry], object] = lambda _entry: None,
) -> PackedLayer:
    """Pack items, in the order they come, into one layer, in constant memory.

    Args:
        items: Sorted by path; parents before children. Taken one by one.
        store: Gets the layer.
        compression: Of the blob.
        rewrite_to: Times after this second become it; None leaves them.
        record: Given what the layer holds, in its order, times as they stand in it, files with
            their digests.

    Raises:
        IntegrityError: A file changed while it was read.
        StateError: The store cannot be written.
    """
    with LayerBlob(store, compression) as blob, ContentReader() as reader:
        for item in items:
            entry = _clamped(item.entry, rewrite_to)
            blob.put(writer.header(whiteouts.encode(entry)))
            if entry.kind is Kind.FILE:
                entry = _with_digest(entry, _put_content(item, reader, blob))
            record(entry)
        blob.put(writer.END)
        descriptor, diff_id = blob.finish()
    return PackedLayer(descriptor, diff_id, blob.tar_bytes)


def _clamped(entry: Entry, limit: int | None) -> Entry:
    if limit is None or entry.mtime_s <= limit:
        return entry
    return replace(entry, mtime_ns=limit * NS_PER_S)


def _put_content(item: Item, reader: ContentReader, blob: LayerBlob) -> bytes:
    """Put a FILE's bytes, and what fills the last block; returns the raw sha256 of them."""
    content = hashlib.sha256()
    for piece in reader.pieces(item):
        content.update(piece)
        blob.put(piece)
    blob.put(writer.padding(item.entry.size))
    return content.digest()


def _with_digest(entry: Entry, digest: bytes) -> Entry:
    if entry.digest == digest:
        return entry
    if entry.digest:
        raise IntegrityError(
            f"/{entry.path.decode(errors='replace')} changed since the build read it first",
            hint="let nothing write to the files while the build reads them",
        )
    return entry.hashed(entry.path, digest)
