"""Take exact numbers of bytes from a stream of chunks, without copying more than needed."""

from __future__ import annotations

from collections.abc import Iterator


class ChunkStream:
    """A position in a stream of chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer = b""
        self._position = 0

    def take(self, size: int) -> bytes:
        """The next size bytes; fewer where the stream ends before."""
        begin = self._position
        end = begin + size
        if end <= len(self._buffer):
            self._position = end
            return self._buffer[begin:end]
        return b"".join(self.pieces(size))

    def pieces(self, size: int) -> Iterator[bytes]:
        """The next size bytes as they lie in the chunks; fewer where the stream ends before."""
        while size > 0:
            if self._position == len(self._buffer):
                chunk = next(self._chunks, None)
                if chunk is None:
                    return
                self._buffer, self._position = chunk, 0
            begin = self._position
            self._position = min(begin + size, len(self._buffer))
            size -= self._position - begin
            yield self._buffer[begin : self._position]

    def skip(self, size: int) -> int:
        """Pass over size bytes; returns how many there were."""
        return sum(len(piece) for piece in self.pieces(size))

    def drain(self) -> None:
        """Read the stream to its end."""
        self._buffer, self._position = b"", 0
        for _ in self._chunks:
            pass
