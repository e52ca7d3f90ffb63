"""A layer's tar on its way into the store: hashed, compressed and written, each in a thread."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from pybuild.digest import Digest, from_raw
from pybuild.layers.compression import Compression
from pybuild.layers.pipeline import Worker
from pybuild.oci.manifest import Descriptor
from pybuild.ports import BlobStore

_PIECE_BYTES = 1 << 20
"""What the compressor is given at a time: isal's output depends on how its input is cut."""


class LayerBlob:
    """A context manager that owns the threads and the blob; the blob is dropped unless finished.

    Attributes:
        tar_bytes: How much of the tar has been put.
    """

    def __init__(self, store: BlobStore, compression: Compression) -> None:
        self._store = store
        self._media_type = compression.media_type
        self._compressor = compression.compressor()
        self._diff = hashlib.sha256()
        self._stack = ExitStack()
        self.tar_bytes = 0
        self._parts: list[bytes] = []
        self._waiting_bytes = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._blob = stack.enter_context(self._store.writer())
            self._write = stack.enter_context(Worker(self._blob.write))
            self._compress = stack.enter_context(Worker(self._squeeze))
            self._hash = stack.enter_context(Worker(self._diff.update))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def put(self, data: bytes) -> None:
        """Take in some of the tar; how it is cut makes no difference to the blob."""
        self._parts.append(data)
        self.tar_bytes += len(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= _PIECE_BYTES:
            self._hand_over()

    def finish(self) -> tuple[Descriptor, Digest]:
        """The blob, and the digest of the tar, when all has been put.

        Raises:
            StateError: The store cannot be written.
        """
        self._hand_over(everything=True)
        self._compress.finish()
        self._write.put(self._compressor.flush())
        self._write.finish()
        self._hash.finish()
        return self._blob.commit(self._media_type), from_raw(self._diff.digest())

    def _hand_over(self, *, everything: bool = False) -> None:
        joined = b"".join(self._parts)
        end = len(joined) if everything else len(joined) - len(joined) % _PIECE_BYTES
        for begin in range(0, end, _PIECE_BYTES):
            piece = joined[begin : min(begin + _PIECE_BYTES, end)]
            self._compress.put(piece)
            self._hash.put(piece)
        self._parts = [joined[end:]]
        self._waiting_bytes = len(joined) - end

    def _squeeze(self, piece: bytes) -> None:
        self._write.put(self._compressor.compress(piece))
