"""A file that is checked while it is read: digest and size, by construction."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from pybuild.archive.disk import disk_errors
from pybuild.digest import Digest, from_raw
from pybuild.errors import IntegrityError
from pybuild.oci.manifest import Descriptor

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BUFFER_BYTES = 1 << 20

OnDamaged = Callable[[os.stat_result], None]
"""Told which file is damaged, by its status; may remove it."""


def verified(source: io.FileIO, descriptor: Descriptor, on_damaged: OnDamaged) -> BinaryIO:
    """Wrap a file so that reading its last bytes, or missing them, raises where they are wrong.

    Closing the result closes the source. It cannot seek. Whoever stops before the end has checked
    nothing.

    Args:
        source: The file, at its beginning.
        descriptor: What it must be.
        on_damaged: Called before IntegrityError is raised because of the file, but not where it
            is what its digest says and only the descriptor's size is wrong.
    """
    return io.BufferedReader(_VerifiedFile(source, descriptor, on_damaged), _BUFFER_BYTES)


class _VerifiedFile(io.RawIOBase):
    def __init__(self, source: io.FileIO, descriptor: Descriptor, on_damaged: OnDamaged) -> None:
        super().__init__()
        self._source = source
        self._descriptor = descriptor
        self._on_damaged = on_damaged
        self._left = descriptor.size_bytes
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        with disk_errors(f"cannot read {self._source.name}"):
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
        with disk_errors(f"cannot read {self._source.name}"):
            status = os.fstat(self._source.fileno())
            is_sound = self._digest_of_all() == self._descriptor.digest
        if is_sound:
            return IntegrityError(
                f"the blob {self._descriptor.digest} has {status.st_size} bytes, "
                f"not {self._descriptor.size_bytes} as its descriptor says",
                hint="the image's manifest is wrong: push the image again",
            )
        self._on_damaged(status)
        return IntegrityError(
            f"the blob {self._descriptor.digest} on disk is {how} what it should be: "
            f"{self._source.name} was damaged and is removed",
            hint="build again: the blob is fetched or made anew",
        )

    def _digest_of_all(self) -> Digest:
        self._source.seek(0)
        digest = hashlib.sha256()
        while piece := self._source.read(_BUFFER_BYTES):
            digest.update(piece)
        return from_raw(digest.digest())
