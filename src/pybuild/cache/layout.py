"""What a cache directory needs of the OCI layout that it is."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pybuild.digest import Digest, sha256_of
from pybuild.errors import IntegrityError
from pybuild.oci.manifest import Descriptor
from pybuild.ports import BlobStore

_LARGEST_DOCUMENT = 4 << 20  # bytes; what registries take at least (distribution-spec, "Push")


class Layout(BlobStore, Protocol):
    """Blobs in a directory that other builds use, too; ``store.blobs.LayoutStore`` is one.

    It keeps what it was asked for, found or written until it is closed, whoever trims it.
    """

    def path(self, digest: Digest) -> Path:
        """Where a blob is or would be."""


def read_document(layout: Layout, descriptor: Descriptor) -> bytes:
    """A small blob, checked; it does not count as used.

    Raises:
        IntegrityError: It is not there, or is not what it should be.
    """
    path = layout.path(descriptor.digest)
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_DOCUMENT + 1)
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) != descriptor.size_bytes or sha256_of(data) != descriptor.digest:
        raise IntegrityError(f"{path} is damaged")
    return data
