"""A layer's blob becomes another one of the same tar, compressed as asked for."""

from __future__ import annotations

from collections.abc import Iterator

from pybuild.archive.compression import decompress
from pybuild.archive.errors import ArchiveError
from pybuild.archive.sources import blamed_first
from pybuild.digest import Digest
from pybuild.errors import IntegrityError
from pybuild.layers.blob import LayerBlob
from pybuild.layers.compression import Compression
from pybuild.layers.pipeline import Prefetch
from pybuild.oci.manifest import Descriptor
from pybuild.ports import BlobStore


def recompress(
    pieces: Iterator[bytes], store: BlobStore, compression: Compression
) -> tuple[Descriptor, Digest]:
    """Compress a layer anew, in constant memory.

    Args:
        pieces: The blob's bytes, compressed in whatever way; read to the end, in a thread.
        store: Gets the new blob.
        compression: Of the new blob.

    Returns:
        The new blob, and the diff_id, which is the old blob's too.

    Raises:
        IntegrityError: The blob is cut or damaged.
        StateError: The store cannot be written.
    """
    try:
        with (
            LayerBlob(store, compression) as blob,
            blamed_first(pieces) as packed,
            Prefetch(decompress(packed)) as tar,
        ):
            for piece in tar:
                blob.put(piece)
            return blob.finish()
    except ArchiveError as error:
        raise IntegrityError(f"a layer cannot be compressed anew: {error}") from error
