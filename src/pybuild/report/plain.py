"""Events → BuildKit's plain log (``util/progress/progressui/printer.go``), which people grep."""

from __future__ import annotations

import re
import threading
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol, assert_never

from pybuild.events import (
    BlobMoved,
    BuildWarning,
    Debug,
    Event,
    VertexDone,
    VertexFailed,
    VertexLog,
    VertexStarted,
)
from pybuild.report.lines import Lines, one_line, parts
from pybuild.report.size import seconds, size

_LAST_LINES = 10  # of a failed vertex, as BuildKit shows
_RUN = re.compile(r"\[[^\]]*\] RUN\b")  # the title of a RUN's vertex


class Level(IntEnum):
    """How much the log tells."""

    WARNINGS = 0
    PROGRESS = 1
    DETAILS = 2


class Folds(Protocol):
    """A platform's way to fold lines of a log together."""

    def open(self, title: str) -> None:
        """What follows belongs together."""

    def close(self) -> None:
        """It ends."""


@dataclass(slots=True)
class _Vertex:
    title: str
    started_s: float
    last: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))


class PlainLog:
    """Prints events; safe to call from many threads.

    Every line of a RUN has the vertex before it, so that it can be no command of the platform.

    Args:
        lines: Where to.
        level: How much.
        folds: Folds each vertex; its result stands outside, so that a folded log is a summary.
        run_lines: Where the lines that a RUN prints go; None is the same place.
    """

    def __init__(
        self,
        lines: Lines,
        level: Level = Level.PROGRESS,
        folds: Folds | None = None,
        run_lines: Lines | None = None,
    ) -> None:
        self._lines = lines
        self._run_lines = run_lines or lines
        self._level = level
        self._folds = folds
        self._lock = threading.Lock()
        self._vertices: dict[int, _Vertex] = {}
        self._current: int | None = None

    def emit(self, event: Event) -> None:
        """Print an event, or nothing where the level leaves it out."""
        with self._lock:
            self._emit(event)

    def _emit(self, event: Event) -> None:
        match event:
            case VertexStarted():
                self._vertices[event.number] = _Vertex(one_line(event.title), event.at_s)
                self._switch_to(event.number)
            case VertexLog():
                self._log(event)
            case VertexDone():
                spent = event.at_s - self._vertex(event.number).started_s
                self._end(event.number, "CACHED" if event.cached else f"DONE {seconds(spent)}")
            case VertexFailed():
                self._fail(event)
            case BuildWarning():
                self._lines.line(f"WARN: {warning_text(event)}")
            case BlobMoved():
                self._blob(event)
            case Debug():
                if self._level >= Level.DETAILS:
                    self._lines.line(f"debug: {event.message}")
            case _:
                assert_never(event)

    def _vertex(self, number: int) -> _Vertex:
        return self._vertices.setdefault(number, _Vertex("", 0.0))

    def _switch_to(self, number: int) -> None:
        if self._level < Level.PROGRESS or self._current == number:
            return
        if self._current is not None:
            self._lines.line(f"#{self._current} ...")
            self._close_fold()
        self._current = number
        header = f"#{number} {self._vertex(number).title}"
        if self._folds:
            self._folds.open(header)
        else:
            self._lines.line()
            self._lines.line(header)

    def _log(self, event: VertexLog) -> None:
        vertex = self._vertex(event.number)
        at = f"{event.at_s - vertex.started_s:.3f}"
        # A progress bar overwrites itself: each of its states is a line, none is lost.
        texts = [part for part in parts(event.line) if part] or [""]
        vertex.last.extend(f"{at} {text}".rstrip() for text in texts)
        if self._level < Level.PROGRESS:
            return
        self._switch_to(event.number)
        lines = self._run_lines if _RUN.match(vertex.title) else self._lines
        for text in texts:
            lines.line(f"#{event.number} {at} {text}".rstrip())

    def _end(self, number: int, how: str) -> None:
        if self._level < Level.PROGRESS:
            return
        self._switch_to(number)
        self._close_fold()
        self._lines.line(f"#{number} {how}")
        self._current = None

    def _fail(self, event: VertexFailed) -> None:
        vertex = self._vertex(event.number)
        self._end(event.number, f"ERROR: {one_line(event.message)}")
        if vertex.last:
            self._lines.line("------")
            self._lines.line(f" > {vertex.title}:")
            for line in vertex.last:
                self._lines.line(line)
            self._lines.line("------")

    def _blob(self, event: BlobMoved) -> None:
        is_transfer = event.how in {"pulled", "pushed"}
        if self._level >= (Level.PROGRESS if is_transfer else Level.DETAILS):
            text = f"{event.how} {event.digest} {size(event.size_bytes)} {event.repository}"
            self._lines.line(text)

    def _close_fold(self) -> None:
        if self._folds:
            self._folds.close()


def warning_text(warning: BuildWarning) -> str:
    """A warning in one line: code, message, place."""
    place = f" ({warning.file}:{warning.line})" if warning.line else ""
    return f"{warning.code}: {one_line(warning.message)}{place}"
