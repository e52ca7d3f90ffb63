"""Items become a compressed layer in the blob store, in constant memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pybuild.archive import writer
from pybuild.digest import Digest, from_raw
from pybuild.errors import IntegrityError
from pybuild.layers import whiteouts
from pybuild.layers.compression import GZIP, Compression
from pybuild.layers.content import PIECE_BYTES, ContentReader
from pybuild.layers.pipeline import Worker
from pybuild.oci.manifest import Descriptor
from pybuild.ports import BlobStore
from pybuild.tree.entry import NS_PER_S, Entry, Item, Kind


@dataclass(frozen=True, slots=True)
class PackedLayer:
    """A layer in the store.

    Attributes:
        entries: What the layer holds, times as they stand in it, files with their digests.
        unpacked_bytes: Size of the tar.
    """

    descriptor: Descriptor
    diff_id: Digest
    entries: tuple[Entry, ...]
    unpacked_bytes: int


def pack(
    items: Iterable[Item],
    store: BlobStore,
    *,
    compression: Compression = GZIP,
    rewrite_to: int | None = None,
) -> PackedLayer:
    """Pack items, in the order they come, into one layer.

    Args:
        items: Sorted by path; parents before children.
        store: Gets the layer.
        compression: Of the blob.
        rewrite_to: Times after this second become it; None leaves them.

    Raises:
        IntegrityError: A file changed while it was read.
        StateError: The store cannot be written.
    """
    diff = hashlib.sha256()
    compressor = compression.compressor()
    with (
        store.writer() as blob,
        Worker(blob.write) as write,
        Worker(lambda piece: write.put(compressor.compress(piece))) as compress,
        Worker(diff.update) as hashing,
        ContentReader() as reader,
    ):
        tar = _Tar(reader, rewrite_to)
        for piece in _gather(tar.pieces(items)):
            compress.put(piece)
            hashing.put(piece)
        compress.finish()
        write.put(compressor.flush())
        write.finish()
        hashing.finish()
        descriptor = blob.commit(compression.media_type)
    return PackedLayer(descriptor, from_raw(diff.digest()), tuple(tar.entries), tar.size_bytes)


class _Tar:
    """The tar of a layer as a stream, and what it was seen to hold."""

    def __init__(self, reader: ContentReader, rewrite_to: int | None) -> None:
        self._reader = reader
        self._rewrite_to = rewrite_to
        self.entries: list[Entry] = []
        self.size_bytes = 0

    def pieces(self, items: Iterable[Item]) -> Iterator[bytes]:
        for item in items:
            for piece in self._item(item):
                self.size_bytes += len(piece)
                yield piece
        self.size_bytes += len(writer.END)
        yield writer.END

    def _item(self, item: Item) -> Iterator[bytes]:
        entry = self._clamped(item.entry)
        yield writer.header(whiteouts.encode(entry))
        if entry.kind is Kind.FILE:
            content = hashlib.sha256()
            for piece in self._reader.pieces(item):
                content.update(piece)
                yield piece
            yield writer.padding(entry.size)
            entry = _with_digest(entry, content.digest())
        self.entries.append(entry)

    def _clamped(self, entry: Entry) -> Entry:
        limit = self._rewrite_to
        if limit is None or entry.mtime_s <= limit:
            return entry
        return replace(entry, mtime_ns=limit * NS_PER_S)


def _with_digest(entry: Entry, digest: bytes) -> Entry:
    if entry.digest == digest:
        return entry
    if entry.digest:
        raise IntegrityError(
            f"/{entry.path.decode(errors='replace')} changed since the build read it first",
            hint="let nothing write to the files while the build reads them",
        )
    return replace(entry, digest=digest)


def _gather(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Join small pieces to large ones: threads are woken per megabyte, not per file."""
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size >= PIECE_BYTES:
            yield b"".join(parts)
            parts.clear()
            size = 0
    if parts:
        yield b"".join(parts)
