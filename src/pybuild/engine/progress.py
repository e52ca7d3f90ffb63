"""Vertices: units of work with a line of their own in the log."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pybuild.errors import PybuildError
from pybuild.events import (
    BuildWarning,
    Debug,
    Emit,
    VertexDone,
    VertexFailed,
    VertexLog,
    VertexStarted,
)


@dataclass(frozen=True, slots=True)
class Vertex:
    """A unit of work in progress."""

    number: int
    started_s: float
    _progress: Progress

    def line(self, text: str) -> None:
        """One line of output."""
        self._progress.emit(VertexLog(self.number, self._progress.now_s(), text))


class Progress:
    """Numbers vertices and stamps events with seconds since the build began; thread-safe."""

    def __init__(self, emit: Emit, clock: Callable[[], float]) -> None:
        self.emit = emit
        self._clock = clock
        self._began_s = clock()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def now_s(self) -> float:
        """Seconds since the build began."""
        return self._clock() - self._began_s

    @contextmanager
    def vertex(self, title: str) -> Iterator[Vertex]:
        """A unit of work: done where the block ends, failed where it raises."""
        vertex = self._start(title)
        try:
            yield vertex
        except PybuildError as error:
            self.emit(VertexFailed(vertex.number, self.now_s(), error.message))
            raise
        except BaseException as error:
            name = type(error).__name__
            self.emit(VertexFailed(vertex.number, self.now_s(), f"{name}: {error}"))
            raise
        self.emit(VertexDone(vertex.number, self.now_s()))

    def cached(self, title: str) -> None:
        """A unit of work whose result was reused."""
        vertex = self._start(title)
        self.emit(VertexDone(vertex.number, self.now_s(), cached=True))

    def warn(self, code: str, message: str, file: str = "", line: int = 0) -> None:
        """Something the user should know."""
        self.emit(BuildWarning(code, message, file, line))

    def debug(self, message: str) -> None:
        """A detail."""
        self.emit(Debug(message))

    def _start(self, title: str) -> Vertex:
        with self._lock:
            number = next(self._numbers)
        started_s = self.now_s()
        self.emit(VertexStarted(number, title, started_s))
        return Vertex(number, started_s, self)
