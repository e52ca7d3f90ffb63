"""A file that is checked while it is read: digest and size, by construction."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, BinaryIO

from pybuild.digest import from_raw
from pybuild.errors import IntegrityError
from pybuild.oci.manifest import Descriptor

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BUFFER_BYTES = 1 << 20


def verified(source: io.FileIO, descriptor: Descriptor) -> BinaryIO:
    """Wrap a file so that reading its last bytes, or missing them, raises where they are wrong.

    Closing the result closes the source. It cannot seek. Whoever stops before the end has checked
    nothing.
    """
    return io.BufferedReader(_VerifiedFile(source, descriptor), _BUFFER_BYTES)


class _VerifiedFile(io.RawIOBase):
    def __init__(self, source: io.FileIO, descriptor: Descriptor) -> None:
        super().__init__()
        self._source = source
        self._descriptor = descriptor
        self._left = descriptor.size_bytes
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        size = self._source.readinto(view)
        self._hash.update(view[:size])
        self._left -= size
        if self._left < 0 or (size == 0 and self._left):
            raise self._wrong(
                f"{-self._left} bytes more than" if self._left < 0 else "shorter than"
            )
        if self._left == 0 and from_raw(self._hash.digest()) != self._descriptor.digest:
            raise self._wrong("different from")
        return size

    def close(self) -> None:
        self._source.close()
        super().close()

    def _wrong(self, how: str) -> IntegrityError:
        return IntegrityError(
            f"the blob {self._descriptor.digest} on disk is {how} what it should be: "
            f"{self._source.name}",
            hint="remove the file; it is fetched or made again",
        )
