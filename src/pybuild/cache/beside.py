"""The build's blob store with cache directories beside it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO

from pybuild.digest import Digest
from pybuild.oci.manifest import Descriptor
from pybuild.ports import BlobStore, BlobWriter


class StoreBeside:
    """Blobs of one store and of others that are only read (``ports.BlobStore``).

    So the layers of a hit in a cache directory are used from where they lie, when something needs
    them; none is copied before.

    Args:
        own: Gets what is new.
        others: Looked into where own does not have a blob.
    """

    def __init__(self, own: BlobStore, others: Sequence[BlobStore]) -> None:
        self._own = own
        self._others = tuple(others)

    def __contains__(self, digest: Digest) -> bool:
        return digest in self._own or any(digest in other for other in self._others)

    def open(self, descriptor: Descriptor) -> BinaryIO:
        """The blob's bytes, checked as they are read."""
        if descriptor.digest not in self._own:
            for other in self._others:
                if descriptor.digest in other:
                    return other.open(descriptor)
        return self._own.open(descriptor)

    def writer(self) -> AbstractContextManager[BlobWriter]:
        """A new blob of the build's own store."""
        return self._own.writer()

    def add(self, data: bytes, media_type: str) -> Descriptor:
        """Store a small blob in the build's own store."""
        return self._own.add(data, media_type)
