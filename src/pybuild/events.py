"""What happens during a build, as values; ``report/`` alone turns them into text.

A *vertex* is one unit of work with a line of its own in the log (BuildKit's word): loading the
context, the hook, resolving the bases, each step, exporting, pushing. Times are seconds on the
monotonic clock since the build began.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pybuild.digest import Digest


@dataclass(frozen=True, slots=True)
class VertexStarted:
    """A unit of work begins; number counts from 1 in the order of starting."""

    number: int
    title: str
    at_s: float


@dataclass(frozen=True, slots=True)
class VertexLog:
    """One line that a unit of work printed, without its line end; secrets are not yet masked."""

    number: int
    at_s: float
    line: str


@dataclass(frozen=True, slots=True)
class VertexDone:
    """A unit of work ended well; cached where its result was reused."""

    number: int
    at_s: float
    cached: bool = False


@dataclass(frozen=True, slots=True)
class VertexFailed:
    """A unit of work failed, and with it the build."""

    number: int
    at_s: float
    message: str


@dataclass(frozen=True, slots=True)
class BuildWarning:
    """Something the user should know that does not stop the build.

    Attributes:
        code: A stable name, as ``UnusedBuildArg``.
        file: The Dockerfile, or empty where the warning has no place in it.
        line: Counts from 1; 0 where there is none.
    """

    code: str
    message: str
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class BlobMoved:
    """A blob's way is over: how is one of ``pulled pushed mounted exists``."""

    how: str
    digest: Digest
    size_bytes: int
    repository: str


@dataclass(frozen=True, slots=True)
class Debug:
    """A detail for those who ask for it."""

    message: str


Event = VertexStarted | VertexLog | VertexDone | VertexFailed | BuildWarning | BlobMoved | Debug
Emit = Callable[[Event], None]
"""Takes an event; may be called from any thread and never raises."""


def ignore(_event: Event) -> None:
    """Take an event and do nothing: for tests and for commands without a log."""
