"""The blob store: an OCI image layout on disk (image-spec image-layout.md)."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pybuild.archive.disk import disk_errors
from pybuild.digest import Digest, from_raw, hex_of
from pybuild.errors import IntegrityError, StateError
from pybuild.oci.document import encode
from pybuild.oci.manifest import Descriptor, layout_index
from pybuild.store.verified import verified

LAYOUT_FILE = "oci-layout"
INDEX_FILE = "index.json"
LAYOUT_BYTES = encode({"imageLayoutVersion": "1.0.0"})

_MODE = 0o644  # other users' tools read layouts, too


class LayoutStore:
    """Blobs by digest in ``root/blobs/sha256/HEX``.

    A blob becomes visible by a rename when it is complete, so any number of threads and processes
    can use one layout. Blobs on their way are files ``root/.blob-*``; what a killed process left of
    them is used by nobody. Nothing is synced to the disk: a blob that a power failure damaged is
    found out when it is read.
    """

    def __init__(self, root: Path) -> None:
        """Open a layout, made where it is missing.

        Raises:
            StateError: It cannot be made.
        """
        self._root = root
        self._blobs = root / "blobs" / "sha256"
        with disk_errors(f"cannot make the blob store {root}"):
            self._blobs.mkdir(parents=True, exist_ok=True)
            for name, data in ((LAYOUT_FILE, LAYOUT_BYTES), (INDEX_FILE, layout_index([]))):
                if not (root / name).exists():
                    write_whole(root / name, data)

    def path(self, digest: Digest) -> Path:
        """Where a blob is or would be."""
        return self._blobs / hex_of(digest)

    def __contains__(self, digest: Digest) -> bool:
        return self.path(digest).is_file()

    def open(self, descriptor: Descriptor) -> BinaryIO:
        """A blob's bytes; cannot seek.

        Raises:
            StateError: It is not there. Reading raises IntegrityError where its bytes are wrong.
        """
        path = self.path(descriptor.digest)
        try:
            return verified(io.FileIO(path), descriptor)
        except FileNotFoundError:
            raise StateError(
                f"the blob {descriptor.digest} is not in the store {self._root}",
                hint="let nothing else remove files from the state directory during a build",
            ) from None
        except OSError as error:
            raise StateError(f"cannot read {path}: {error.strerror}") from error

    @contextmanager
    def writer(self) -> Iterator[LayoutWriter]:
        """A new blob, dropped where the block is left without ``commit``."""
        with disk_errors(f"cannot write to the blob store {self._root}"):
            fd, name = tempfile.mkstemp(dir=self._root, prefix=".blob-")
        writer = LayoutWriter(fd, Path(name), self)
        try:
            yield writer
        finally:
            writer.drop()

    def add(self, data: bytes, media_type: str) -> Descriptor:
        """Store a small blob."""
        with self.writer() as writer:
            writer.write(data)
            return writer.commit(media_type)


class LayoutWriter:
    """A blob on its way into a layout; used by one thread at a time."""

    def __init__(self, fd: int, path: Path, store: LayoutStore) -> None:
        self._fd = fd
        self._path = path
        self._store = store
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Append bytes.

        Raises:
            StateError: The disk is full or refuses.
        """
        self._hash.update(data)
        self._size += len(data)
        view = memoryview(data)
        with disk_errors(f"cannot write {self._path}"):
            while view:
                view = view[os.write(self._fd, view) :]

    def commit(self, media_type: str, expected: Digest | None = None) -> Descriptor:
        """Make the blob visible under its digest; it replaces one of the same name.

        Raises:
            IntegrityError: The bytes are not what expected says.
            StateError: The disk refuses.
        """
        digest = from_raw(self._hash.digest())
        if expected is not None and digest != expected:
            raise IntegrityError(f"a blob of {self._size} bytes is {digest}, expected {expected}")
        with disk_errors(f"cannot store the blob {digest}"):
            os.fchmod(self._fd, _MODE)
            self._path.rename(self._store.path(digest))
        return Descriptor(media_type, digest, self._size)

    def drop(self) -> None:
        """Close the file and remove what was not committed; idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self._path.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Write a small file so that readers see all of it or what was there before."""
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with open(fd, "wb") as file:  # noqa: PTH123 - a descriptor has no Path
            file.write(data)
            os.fchmod(fd, _MODE)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
