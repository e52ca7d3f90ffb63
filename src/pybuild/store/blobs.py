"""The blob store: an OCI image layout that builds share, verified on every read, and bounded."""

from __future__ import annotations

import io
import os
import weakref
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from pybuild.archive.disk import disk_errors
from pybuild.digest import Digest, hex_of
from pybuild.errors import StateError
from pybuild.oci.manifest import Descriptor
from pybuild.store import claims
from pybuild.store.layout import NEW, LayoutWriter, blob_path, blob_writer, make_layout
from pybuild.store.verified import verified

_BUILD = ".build-"
_LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What ``LayoutStore.trim`` did.

    Attributes:
        blobs: How many were removed.
        freed_bytes: Their sizes together.
        left_bytes: The sizes of those that are left; above the limit where they may not go.
    """

    blobs: int
    freed_bytes: int
    left_bytes: int


class LayoutStore:
    """Blobs by digest, shared by any number of threads and processes.

    ::

        root/oci-layout, root/index.json   names no image
        root/blobs/sha256/HEX              a blob; its mtime is when it was last asked for
        root/.new-*                        a blob on its way, locked by its writer
        root/.build-*                      an open store, locked by it; its mtime is its opening
        root/.lock                         shared to use a blob, alone to remove some

    A blob appears by a rename when it is complete. What a killed process leaves is removed when
    the store is next opened. An open store keeps what it has asked for, found or written: no other
    store's ``trim`` removes it.

    Not guaranteed: nothing is synced to the disk, so that a blob that a power failure damaged is
    found out, and removed, when it is read. Where the clock is set back during a build, or this
    user may not change a blob's time, another build's ``trim`` may remove what this one holds; a
    reader that has it open keeps it. Where the file system has no locks, what a killed build
    leaves stays, and a ``trim`` in the very moment of a look-up may win over it.
    """

    def __init__(self, root: Path) -> None:
        """Open a store, made where it is missing.

        Raises:
            StateError: It cannot be made.
        """
        self._root = root
        with disk_errors(f"cannot make the blob store {root}"):
            make_layout(root)
            with self._shared():  # makes the file, too
                self._sweep()
            self._claim = claims.claim_file(root, _BUILD)
        self._end = weakref.finalize(self, _release, self._claim, os.getpid())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let others remove what this build used; idempotent, done at exit at the latest."""
        self._end()

    def path(self, digest: Digest) -> Path:
        """Where a blob is or would be."""
        return blob_path(self._root, digest)

    def __contains__(self, digest: Digest) -> bool:
        with disk_errors(f"cannot look into the blob store {self._root}"), self._shared():
            return _touch(self.path(digest))

    def open(self, descriptor: Descriptor) -> BinaryIO:
        """A blob's bytes; cannot seek.

        Reading raises IntegrityError where they are not what the descriptor says, and StateError
        where the disk fails. A damaged blob is removed then.

        Raises:
            StateError: It is not there.
        """
        path = self.path(descriptor.digest)
        with disk_errors(f"cannot read {path}"), self._shared():
            try:
                file = io.FileIO(path)
            except FileNotFoundError:
                raise StateError(
                    f"the blob {descriptor.digest} is not in the store {self._root}",
                    hint="build again, and let nothing else remove files from the state directory",
                ) from None
            _touch(path)
        return verified(file, descriptor, partial(self._remove_damaged, path))

    def writer(self) -> AbstractContextManager[LayoutWriter]:
        """A new blob, dropped where the block is left without ``commit``."""
        return blob_writer(self._root, self._shared)

    def add(self, data: bytes, media_type: str) -> Descriptor:
        """Store a small blob."""
        with self.writer() as writer:
            writer.write(data)
            return writer.commit(media_type)

    def trim(self, max_bytes: int, keep: Collection[Digest] = ()) -> Trimmed:
        """Remove blobs until the rest fits, the least recently used first.

        Left alone are those to keep and those that another open store may have asked for: all
        that were used since the oldest of these was opened. So more than max_bytes may be left.

        Args:
            max_bytes: How large the blobs may be together.
            keep: Blobs that must stay.

        Raises:
            StateError: The disk refuses.
        """
        kept = {hex_of(digest) for digest in keep}
        with disk_errors(f"cannot trim the blob store {self._root}"):
            self._sweep()
            with claims.moment(self._root / _LOCK, alone=True):
                free_before_ns = self._oldest_other_build_ns()
                blobs = sorted(self._blobs())
                left = sum(size for _, size, _ in blobs)
                removed = freed = 0
                for used_ns, size, path in blobs:
                    if left <= max_bytes or (free_before_ns and used_ns >= free_before_ns):
                        break
                    if path.name not in kept:
                        path.unlink(missing_ok=True)
                        left, freed, removed = left - size, freed + size, removed + 1
        return Trimmed(removed, freed, left)

    def _shared(self) -> AbstractContextManager[None]:
        return claims.moment(self._root / _LOCK, alone=False)

    def _sweep(self) -> None:
        claims.sweep(self._root, NEW)
        claims.sweep(self._root, _BUILD)

    def _oldest_other_build_ns(self) -> int:
        """When it was opened; 0 where there is none."""
        opened = [0]
        for path in self._root.glob(f"{_BUILD}*"):
            if path != self._claim.path and claims.is_alive(path):
                with suppress(FileNotFoundError):  # it has just ended
                    opened.append(path.stat().st_mtime_ns)
        return min(filter(None, opened), default=0)

    def _blobs(self) -> Iterator[tuple[int, int, Path]]:
        """When each was last used, its size, and its path."""
        for path in (self._root / "blobs" / "sha256").iterdir():
            with suppress(FileNotFoundError):
                status = path.stat()
                yield status.st_mtime_ns, status.st_size, path

    def _remove_damaged(self, path: Path, opened: os.stat_result) -> None:
        """Remove what a reader found damaged, unless another file has its name by now."""
        with suppress(OSError), claims.moment(self._root / _LOCK, alone=True):
            if os.path.samestat(path.stat(), opened):
                path.unlink()


def _touch(path: Path) -> bool:
    """Note that a blob is used now; False where it is not there."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except PermissionError:
        return path.is_file()  # another user's
    return True


def _release(claim: claims.Claim, owner: int) -> None:
    if os.getpid() == owner:  # a fork's exit must not end its parent's claim
        with suppress(OSError):  # of a disk that is read-only by now; the next build sweeps it
            claim.path.unlink(missing_ok=True)
        os.close(claim.fd)
