"""Bytes of a command's output become lines of text."""

from __future__ import annotations

from collections.abc import Callable

_LONGEST_BYTES = 64 * 1024


class LineSplitter:
    r"""Hands each line on as soon as it is there.

    A line ends at ``\n`` or ``\r\n``. Of a line that overwrote itself with ``\r`` (a progress bar)
    what stood there last is kept. Lines over 64 KiB come in pieces.
    """

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take some bytes."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = b""
        for line in lines:
            for start in range(0, len(line) or 1, _LONGEST_BYTES):
                self._emit(line[start : start + _LONGEST_BYTES])
        while len(rest) > _LONGEST_BYTES:
            self._emit(rest[:_LONGEST_BYTES])
            rest = rest[_LONGEST_BYTES:]
        self._rest = rest

    def end(self) -> None:
        """Hand on a last line that has no end."""
        if self._rest:
            self._emit(self._rest)
            self._rest = b""

    def _emit(self, line: bytes) -> None:
        shown = line.rstrip(b"\r").rpartition(b"\r")[2]
        self._on_line(shown.decode("utf-8", errors="replace"))
