"""An OCI layout as a tar stream that is the same for the same image."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Protocol

from pybuild.archive import writer
from pybuild.digest import from_raw, hex_of
from pybuild.errors import IntegrityError
from pybuild.oci.manifest import Descriptor
from pybuild.tree.entry import Entry, Kind

_DIRECTORIES = (b"blobs", b"blobs/sha256")


class Sink(Protocol):
    """Takes bytes, all of them each time: a buffered file, or a request's body."""

    def write(self, data: bytes, /) -> object:
        """Take them."""


class LayoutTar:
    """Writes members in the order they are given, owned by root, with time 0."""

    def __init__(self, file: Sink) -> None:
        self._file = file

    def begin(self) -> None:
        """Write the directories."""
        for path in _DIRECTORIES:
            self._file.write(writer.header(Entry(path, Kind.DIRECTORY, 0o755)))

    def add_document(self, name: str, data: bytes) -> None:
        """Write a small file at the top."""
        self._file.write(writer.header(Entry(name.encode(), Kind.FILE, size=len(data))))
        self._file.write(data + writer.padding(len(data)))

    def add_blob(self, blob: Descriptor, pieces: Iterator[bytes]) -> None:
        """Write a blob.

        Raises:
            IntegrityError: The pieces are not what the descriptor says.
        """
        path = f"blobs/sha256/{hex_of(blob.digest)}".encode()
        self._file.write(writer.header(Entry(path, Kind.FILE, size=blob.size_bytes)))
        digest = hashlib.sha256()
        size = 0
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            self._file.write(piece)
        if (from_raw(digest.digest()), size) != (blob.digest, blob.size_bytes):
            raise IntegrityError(
                f"the blob {blob.digest} of {blob.size_bytes} bytes turned out to be "
                f"{from_raw(digest.digest())} of {size} bytes"
            )
        self._file.write(writer.padding(size))

    def end(self) -> None:
        """Write the end marker."""
        self._file.write(writer.END)
