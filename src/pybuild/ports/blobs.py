"""Blobs on this machine, by digest."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from pybuild.digest import Digest
from pybuild.oci.manifest import Descriptor


class BlobWriter(Protocol):
    """A blob on its way into the store; leaving its ``with`` block without commit drops it."""

    def write(self, data: bytes) -> None:
        """Append bytes."""

    def commit(self, media_type: str, expected: Digest | None = None) -> Descriptor:
        """Make the blob visible under its digest.

        Raises:
            IntegrityError: The bytes are not what expected says.
        """


class BlobStore(Protocol):
    """Blobs on this machine, by digest."""

    def __contains__(self, digest: Digest) -> bool: ...

    def open(self, descriptor: Descriptor) -> BinaryIO:
        """The blob's bytes; reading to the end raises IntegrityError where they are not right."""

    def writer(self) -> AbstractContextManager[BlobWriter]:
        """A new blob."""

    def add(self, data: bytes, media_type: str) -> Descriptor:
        """Store a small blob."""
