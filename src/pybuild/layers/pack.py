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
    with LayerBlob(store, compression) as blob, ContentReader() as reader:
        tar = _Tar(reader, rewrite_to)
        tar.write(items, blob.put)
        descriptor, diff_id = blob.finish()
    return PackedLayer(descriptor, diff_id, tuple(tar.entries), blob.tar_bytes)


class _Tar:
    """The tar of a layer, and what it was seen to hold."""

    def __init__(self, reader: ContentReader, rewrite_to: int | None) -> None:
        self._reader = reader
        self._rewrite_to = rewrite_to
        self.entries: list[Entry] = []

    def write(self, items: Iterable[Item], put: Callable[[bytes], None]) -> None:
        """Give the tar of items to put, in its order."""
        for item in items:
            entry = self._clamped(item.entry)
            put(writer.header(whiteouts.encode(entry)))
            if entry.kind is Kind.FILE:
                content = hashlib.sha256()
                for piece in self._reader.pieces(item):
                    content.update(piece)
                    put(piece)
                put(writer.padding(entry.size))
                entry = _with_digest(entry, content.digest())
            self.entries.append(entry)
        put(writer.END)

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
    # like ``replace``, at a quarter of its cost; it is called for every file
    return Entry(
        entry.path, Kind.FILE, entry.mode, entry.uid, entry.gid, entry.mtime_ns, entry.size,
        xattrs=entry.xattrs, digest=digest,
    )  # fmt: skip
