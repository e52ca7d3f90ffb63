"""Who may touch the trees in place: many who fill them, and one RUN.

A RUN in place is root, and reaches every tree. One that is filled at the same time can be changed
in a way that no change time tells, since the filling moves them too. So there are two ways to fill:

*writing* waits for RUNs, and they for it. What a RUN does to the tree is seen later, by its times.

*beside* waits for nobody. If a RUN was on at any moment of it, the tree is *exposed*: nothing is
known of it until it was compared, name by name and byte by byte, with what it must be, while no
RUN is on (*writing*, again). Afterwards its times can be trusted. To hash what was written costs a
quarter of writing it, and RUNs only wait for that.

Hashing beside another RUN, and comparing times before and after, would not do: who has mapped a
file writable moves its time with the first write only.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Exposure:
    """What one tree was exposed to.

    Attributes:
        is_open: It is being filled beside RUNs.
        exposed: A RUN was on meanwhile; nobody has compared the tree since.
    """

    is_open: bool = False
    exposed: bool = False

    @property
    def trusted(self) -> bool:
        """Whether change times tell what a RUN did to the tree."""
        return not self.is_open and not self.exposed


class Gate:
    """A RUN in place waits for those who write to trees, and they wait for it.

    Otherwise a change that the RUN made to another stage's tree could not be told from theirs.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._writers = 0
        self._waiting = 0
        self._running = False
        self._open: list[Exposure] = []

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Fill a tree, or compare one, while no RUN is on; goes before RUNs that wait as well."""
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: not self._running)
            self._waiting -= 1
            self._writers += 1
        try:
            yield
        finally:
            with self._changed:
                self._writers -= 1
                self._changed.notify_all()

    @contextmanager
    def beside(self, exposure: Exposure) -> Iterator[None]:
        """Fill a tree, whoever runs; afterwards exposure says whether somebody did."""
        with self._changed:
            exposure.is_open = True
            exposure.exposed = exposure.exposed or self._running
            self._open.append(exposure)
        try:
            yield
        finally:
            with self._changed:
                self._open.remove(exposure)
                exposure.is_open = False

    def wait_for_run(self) -> None:
        """Return when no command is running."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run a command with a tree as the root."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self._running and not self._writers and not self._waiting
            )
            self._running = True
            for exposure in self._open:
                exposure.exposed = True
        try:
            yield
        finally:
            with self._changed:
                self._running = False
                self._changed.notify_all()
