"""Physical lines → logical lines: continuations joined, comments and blank lines dropped."""

from __future__ import annotations

from dataclasses import dataclass

from pybuild.dockerfile.source import Source
from pybuild.dockerfile.words import SPACE


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """One instruction's line, from its first physical line to its last, counted from 1."""

    text: str
    first_line: int
    last_line: int


class LineReader:
    """A cursor over a source; instructions and the bodies of their heredocs are taken in turn."""

    def __init__(self, source: Source, escape: str) -> None:
        self._source = source
        self._escape = escape
        self._next = 0

    @property
    def last_line(self) -> int:
        """The number of the last physical line taken; 0 before the first."""
        return self._next

    def take_line(self) -> LogicalLine | None:
        """The next instruction's line, or None at the end.

        The first physical line loses leading blanks, continued ones keep theirs.
        """
        while self._next < len(self._source.lines):
            first = self._take().lstrip(SPACE)
            if not first or _is_comment(first):
                continue
            first_line = self._next
            text = self._continued(first)
            if text.strip(SPACE):
                return LogicalLine(text, first_line, self._next)
        return None

    def take_heredoc(self, name: str, *, chomp: bool) -> str | None:
        """The lines up to the one that is name, which is taken too; None if there is no such."""
        start = self._next
        while self._next < len(self._source.lines):
            line = self._take()
            if (line.lstrip("\t") if chomp else line) == name:
                return "".join(self._source.raw[start : self._next - 1])
        return None

    def _take(self) -> str:
        line = self._source.lines[self._next]
        self._next += 1
        return line

    def _continued(self, first: str) -> str:
        """The first line and those that continue it; comments and blank lines among them vanish."""
        text, more = self._without_continuation(first)
        parts = [text]
        while more and self._next < len(self._source.lines):
            line = self._take()
            if _is_comment(line) or not line.strip(SPACE):
                continue
            text, more = self._without_continuation(line)
            parts.append(text)
        return "".join(parts)

    def _without_continuation(self, line: str) -> tuple[str, bool]:
        r"""BuildKit: ``([^E])E[ \t]*$|^E[ \t]*$``; an escaped escape continues nothing."""
        stripped = line.rstrip(" \t")
        if stripped.endswith(self._escape) and not stripped.endswith(self._escape * 2):
            return stripped[: -len(self._escape)], True
        return line, False


def _is_comment(line: str) -> bool:
    return line.lstrip(SPACE).startswith("#")
