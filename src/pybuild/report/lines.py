"""Lines on a stream: masked, whole, flushed, one at a time."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from typing import TextIO

from pybuild.masking import Masker

_LINE_ENDS = re.compile(r"\r\n|\r|\n")


def parts(text: str) -> list[str]:
    """Text at its line ends; a lone carriage return is one too, since log viewers read it so."""
    return _LINE_ENDS.split(text)


def one_line(text: str) -> str:
    """Text without line ends."""
    return " ".join(part for part in parts(text) if part)


def unchanged(text: str) -> str:
    """Text itself."""
    return text


class Lines:
    """Writes whole lines to a stream from any thread; a reader that went away is no error.

    Args:
        stream: Where to.
        masker: Its secrets never reach the stream.
        guard: Applied to each line after masking.
    """

    def __init__(
        self, stream: TextIO, masker: Masker, guard: Callable[[str], str] = unchanged
    ) -> None:
        self._stream = stream
        self._masker = masker
        self._guard = guard
        self._lock = threading.Lock()
        self._gone = False

    def line(self, text: str = "") -> None:
        """Write one line, or several where text holds line ends."""
        lines = (self._guard(part) for part in parts(self._masker.mask(text)))
        self._write("".join(line + "\n" for line in lines))

    def control(self, sequence: str) -> None:
        """Write a control sequence as it is, a line end after it: our own text only."""
        self._write(sequence + "\n")

    def _write(self, text: str) -> None:
        with self._lock:
            if self._gone:
                return
            try:
                self._stream.write(text)
                self._stream.flush()
            except BrokenPipeError:
                self._gone = True
                self._silence()

    def _silence(self) -> None:
        """Point the stream at nothing, so that the interpreter's last flush is quiet too."""
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, self._stream.fileno())
        finally:
            os.close(null)
