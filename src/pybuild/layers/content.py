"""Read the bytes of items, and notice when a file changes meanwhile."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from pybuild.errors import ContextError, IntegrityError
from pybuild.tree.entry import BytesContent, Entry, FileContent, Item

PIECE_BYTES = 1 << 20

# O_NONBLOCK: a FIFO that took the file's place must not hold us up
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


class ContentReader:
    """Gives items' bytes piece by piece; a context manager.

    The directory of the last file stays open, since sorted items come directory by directory and
    a path is then walked once for all of them.
    """

    def __init__(self) -> None:
        self._directory = b""
        self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._forget()

    def pieces(self, item: Item) -> Iterable[bytes]:
        """The bytes of a FILE, at most 1 MiB each.

        Raises:
            IntegrityError: There are more or fewer than the entry says, or no file at all.
            ContextError: This user may not read it.
        """
        match item.content:
            case None:
                data = b""
            case BytesContent(data):
                pass
            case FileContent(path):
                is_small = item.entry.size < PIECE_BYTES
                read = self._read_small if is_small else self._read
                return read(os.fsencode(path), item.entry)
        if len(data) != item.entry.size:
            raise _changed(item.entry, f"has {len(data)} bytes")
        return (data,) if data else ()

    def _read_small(self, path: bytes, entry: Entry) -> tuple[bytes, ...]:
        fd = self._open(path, entry)
        try:
            # one byte more than there should be: a file that grew is noticed by the same read
            data = os.read(fd, entry.size + 1)
        except OSError as error:
            raise _changed(entry, str(error.strerror)) from error
        finally:
            os.close(fd)
        if len(data) > entry.size:
            raise _changed(entry, "grew")
        if len(data) < entry.size:
            raise _changed(entry, f"lost {entry.size - len(data)} bytes")
        return (data,)

    def _read(self, path: bytes, entry: Entry) -> Iterator[bytes]:
        left = entry.size
        fd = self._open(path, entry)
        try:
            while piece := os.read(fd, min(left + 1, PIECE_BYTES)):
                left -= len(piece)
                if left < 0:
                    raise _changed(entry, "grew")
                yield piece
                if not left and len(piece) < PIECE_BYTES:
                    break
        except OSError as error:
            raise _changed(entry, str(error.strerror)) from error
        finally:
            os.close(fd)
        if left:
            raise _changed(entry, f"lost {left} bytes")

    def _open(self, path: bytes, entry: Entry) -> int:
        directory, _, name = path.rpartition(b"/")
        try:
            if directory != self._directory or self._fd < 0:
                self._forget()
                self._fd = os.open(directory or b"/", _DIRECTORY)
                self._directory = directory
            return os.open(name, _FILE, dir_fd=self._fd)
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EPERM}:
                raise ContextError(
                    f"cannot read {os.fsdecode(path)}: {error.strerror}",
                    hint="give this user the right to read it, or leave it out",
                ) from error
            raise _changed(entry, str(error.strerror)) from error

    def _forget(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


def _changed(entry: Entry, how: str) -> IntegrityError:
    return IntegrityError(
        f"/{os.fsdecode(entry.path)} changed while it was read: {how}, "
        f"where {entry.size} bytes were expected",
        hint="let nothing write to the files while the build reads them",
    )
