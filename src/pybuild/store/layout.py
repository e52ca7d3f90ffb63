"""An OCI image layout on disk, whose files appear whole or not at all (image-layout.md)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from pybuild.archive.disk import disk_errors
from pybuild.digest import Digest, from_raw, hex_of
from pybuild.errors import IntegrityError
from pybuild.oci.document import encode
from pybuild.oci.manifest import Descriptor, layout_index
from pybuild.store.claims import Claim, claim_file
from pybuild.store.modes import file_mode
from pybuild.store.space import write_all

LAYOUT_FILE = "oci-layout"
INDEX_FILE = "index.json"
LAYOUT_BYTES = encode({"imageLayoutVersion": "1.0.0"})

NEW = ".new-"
"""What files on their way are called, until they are whole."""

_BLOBS = Path("blobs") / "sha256"


def make_layout(root: Path) -> None:
    """Have an empty layout, where there is none.

    Raises:
        OSError: The disk refuses.
    """
    (root / _BLOBS).mkdir(parents=True, exist_ok=True)
    for name, data in ((LAYOUT_FILE, LAYOUT_BYTES), (INDEX_FILE, layout_index([]))):
        if not (root / name).exists():
            write_whole(root / name, data)


def blob_path(root: Path, digest: Digest) -> Path:
    """Where a layout's blob is or would be."""
    return root / _BLOBS / hex_of(digest)


@contextmanager
def blob_writer(
    root: Path, guard: Callable[[], AbstractContextManager[object]] = nullcontext
) -> Iterator[LayoutWriter]:
    """A new blob of a layout, dropped where the block is left without ``commit``.

    Args:
        root: The layout.
        guard: Held while the blob takes its name.

    Raises:
        StateError: The disk refuses.
    """
    with disk_errors(f"cannot write to the layout {root}"):
        claim = claim_file(root, NEW)
    writer = LayoutWriter(root, claim, guard)
    try:
        yield writer
    finally:
        writer.drop()


class LayoutWriter:
    """A blob on its way into a layout; used by one thread at a time."""

    def __init__(
        self, root: Path, claim: Claim, guard: Callable[[], AbstractContextManager[object]]
    ) -> None:
        self._root = root
        self._fd = claim.fd
        self._path = claim.path
        self._guard = guard
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Append bytes.

        Raises:
            StateError: The disk is full or refuses.
        """
        self._hash.update(data)
        write_all(self._fd, data, self._path, self._size)
        self._size += len(data)

    def commit(self, media_type: str, expected: Digest | None = None) -> Descriptor:
        """Make the blob visible under its digest; it replaces one of the same name.

        Raises:
            IntegrityError: The bytes are not what expected says.
            StateError: The disk refuses.
        """
        digest = from_raw(self._hash.digest())
        if expected is not None and digest != expected:
            raise IntegrityError(f"a blob of {self._size} bytes is {digest}, expected {expected}")
        with disk_errors(f"cannot store the blob {digest}"), self._guard():
            os.fchmod(self._fd, file_mode())
            os.utime(self._fd)  # the time of its last use, as LayoutStore counts it
            self._path.rename(blob_path(self._root, digest))
        return Descriptor(media_type, digest, self._size)

    def drop(self) -> None:
        """Close the file and remove what was not committed; idempotent."""
        if self._fd >= 0:
            self._path.unlink(missing_ok=True)  # before the lock on it goes with the descriptor
            os.close(self._fd)
            self._fd = -1


def write_whole(path: Path, data: bytes) -> None:
    """Write a small file so that readers see all of it or what was there before.

    Raises:
        OSError: The disk refuses.
    """
    claim = claim_file(path.parent, NEW)
    try:
        with open(claim.fd, "wb") as file:  # noqa: PTH123 - a descriptor has no Path
            file.write(data)
            os.fchmod(claim.fd, file_mode())
            file.flush()
            claim.path.replace(path)
    finally:
        claim.path.unlink(missing_ok=True)
