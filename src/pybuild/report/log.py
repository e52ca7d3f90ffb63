"""A build's log from its first event to its last line, in the form that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from pybuild.errors import PybuildError
from pybuild.events import Event
from pybuild.report.lines import Lines
from pybuild.report.outcome import error_lines, result_lines
from pybuild.report.plain import PlainLog
from pybuild.request import BuildResult


class Log(Protocol):
    """Takes events from any thread, then how it ended."""

    def emit(self, event: Event) -> None:
        """Something happened."""

    def finish(self, result: BuildResult) -> None:
        """The build is done."""

    def fail(self, error: PybuildError) -> None:
        """The build failed."""


class TextLog:
    """BuildKit's plain log and our last lines.

    Args:
        plain: Prints the events.
        lines: Where the last lines go.
        result_text: The lines for a result.
        error_prefix: What stands before an error's message.
    """

    def __init__(
        self,
        plain: PlainLog,
        lines: Lines,
        result_text: Callable[[BuildResult], Iterable[str]] = result_lines,
        error_prefix: str = "ERROR: ",
    ) -> None:
        self._plain = plain
        self._lines = lines
        self._result_text = result_text
        self._error_prefix = error_prefix

    def emit(self, event: Event) -> None:
        """Print an event."""
        self._plain.emit(event)

    def finish(self, result: BuildResult) -> None:
        """Print what was made."""
        self._lines.line()
        for line in self._result_text(result):
            self._lines.line(line)

    def fail(self, error: PybuildError) -> None:
        """Print why it failed."""
        for line in error_lines(error, self._error_prefix):
            self._lines.line(line)


class QuietLog(TextLog):
    """Warnings and errors alone; of a result only the digest, on standard output.

    Args:
        plain: Prints the warnings.
        lines: Where errors go.
        out: Where the digest goes.
    """

    def __init__(self, plain: PlainLog, lines: Lines, out: Lines) -> None:
        super().__init__(plain, lines)
        self._out = out

    def finish(self, result: BuildResult) -> None:
        """Print the digest."""
        self._out.line(result.digest)
