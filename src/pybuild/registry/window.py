"""A part of a stream of bytes that can be read again, with no more of it in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator


class Window:
    """Reads forward; what was taken last is kept, and for what lies before that it begins anew."""

    def __init__(self, source: Callable[[], Iterator[bytes]]) -> None:
        self._source = source
        self._rest = source()
        self._kept: deque[bytes] = deque()
        self._start = 0  # of what is kept
        self._length = 0

    def take(self, offset: int, count: int) -> tuple[bytes, ...]:
        """The bytes from offset on, in pieces; fewer than count only at the end."""
        if offset < self._start:
            self._rest, self._start, self._length = self._source(), 0, 0
            self._kept.clear()
        while self._start < offset and (self._kept or self._read()):
            self._drop(offset - self._start)
        while self._length < count and self._read():
            pass
        return tuple(_cut(self._kept, count))

    def _read(self) -> bool:
        chunk = next(self._rest, None)
        if chunk is None:
            return False
        self._kept.append(chunk)
        self._length += len(chunk)
        return True

    def _drop(self, count: int) -> None:
        """Give up at most so many of the first piece's bytes."""
        first = self._kept.popleft()
        dropped = min(len(first), count)
        self._start += dropped
        self._length -= dropped
        if dropped < len(first):
            self._kept.appendleft(first[dropped:])


def _cut(pieces: deque[bytes], count: int) -> Iterator[bytes]:
    for piece in pieces:
        if count <= 0:
            return
        yield piece[:count]
        count -= len(piece)
