"""The physical text of a Dockerfile: its lines, and how an error shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pybuild.dockerfile.location import Location, excerpt
from pybuild.errors import DockerfileError

# BuildKit reads lines with bufio.Scanner: MaxScanTokenSize - 1.
MAX_LINE_BYTES = 65535

_BYTE_ORDER_MARK = "\ufeff"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


class Problem(ValueError):  # noqa: N818 - a fact about an instruction, not yet an error with a place
    """What is wrong with one instruction; whoever knows its place makes the error.

    Attributes:
        message: The fact, in one line.
        hint: What to do, or empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Source:
    """A Dockerfile's text, line by line.

    Attributes:
        file: Its name as the user knows it.
        raw: The lines with their ends, for the bodies of heredocs.
        lines: The lines without them; line n is ``lines[n - 1]``.
    """

    file: str
    raw: tuple[str, ...]
    lines: tuple[str, ...]

    @classmethod
    def read(cls, text: str, file: str) -> Source:
        r"""Split text at ``\n``; a byte order mark and ``\r`` at a line's end are dropped.

        Raises:
            DockerfileError: a line is longer than BuildKit reads, or holds a NUL.
        """
        raw = tuple(_LINE.findall(text.removeprefix(_BYTE_ORDER_MARK)))
        source = cls(file, raw, tuple(line.rstrip("\r\n") for line in raw))
        for number, line in enumerate(source.lines, start=1):
            if "\0" in line:
                problem = Problem("a NUL character is not allowed in a Dockerfile")
                raise source.error(problem, source.location(number))
            if len(line.encode(errors="surrogatepass")) > MAX_LINE_BYTES:
                problem = Problem(
                    f"dockerfile line greater than max allowed size of {MAX_LINE_BYTES}"
                )
                raise source.error(problem, source.location(number))
        return source

    def location(self, first_line: int, last_line: int | None = None) -> Location:
        """Lines first to last of this file; one line where there is no last."""
        return Location(self.file, first_line, last_line or first_line)

    def error(self, problem: Problem, location: Location) -> DockerfileError:
        """The error for a problem found at a location."""
        return DockerfileError(
            _one_line(problem.message),
            hint=problem.hint,
            excerpt=excerpt(self.lines, location),
        )


def _one_line(message: str) -> str:
    """What a Dockerfile holds may be anything; a message stays one printable line."""
    if message.isprintable():
        return message
    return "".join(
        char if char.isprintable() else ascii(char)[1:-1]  # '\x1b' → \x1b
        for char in message
    )
