"""Who may touch the trees in place: many who fill them, or one RUN."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """A RUN in place waits for those who write to trees, and they wait for it.

    Otherwise a change that the RUN made to another stage's tree could not be told from theirs.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._writers = 0
        self._running = False

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Fill a tree."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running)
            self._writers += 1
        try:
            yield
        finally:
            with self._changed:
                self._writers -= 1
                self._changed.notify_all()

    def wait_for_run(self) -> None:
        """Return when no command is running."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run a command with a tree as the root."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running and not self._writers)
            self._running = True
        try:
            yield
        finally:
            with self._changed:
                self._running = False
                self._changed.notify_all()
