"""What a job summary needs and the result does not hold: warnings, and how a failure looked."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from pybuild.events import BuildWarning, Event, VertexFailed, VertexLog, VertexStarted

_LAST_LINES = 30


@dataclass(frozen=True, slots=True)
class FailedVertex:
    """The unit of work that failed, and the last it printed."""

    title: str
    lines: tuple[str, ...]


class History:
    """Remembers events in bounded memory; safe to call from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._titles: dict[int, str] = {}
        self._last: dict[int, deque[str]] = {}
        self._warnings: list[BuildWarning] = []
        self._failed: int | None = None

    def emit(self, event: Event) -> None:
        """Remember an event."""
        with self._lock:
            match event:
                case VertexStarted():
                    self._titles[event.number] = event.title
                case VertexLog():
                    last = self._last.setdefault(event.number, deque(maxlen=_LAST_LINES))
                    last.append(event.line)
                case VertexFailed():
                    self._failed = event.number
                case BuildWarning():
                    self._warnings.append(event)
                case _:
                    pass

    @property
    def warnings(self) -> tuple[BuildWarning, ...]:
        """Every warning, in order."""
        return tuple(self._warnings)

    @property
    def failed(self) -> FailedVertex | None:
        """The last vertex that failed, or None."""
        if self._failed is None:
            return None
        lines = tuple(self._last.get(self._failed, ()))
        return FailedVertex(self._titles.get(self._failed, ""), lines)
