"""Lines of a Dockerfile, and how an error shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_CONTEXT_LINES = 2


@dataclass(frozen=True, slots=True)
class Location:
    """Lines of a Dockerfile, counted from 1, both included."""

    file: str
    first_line: int
    last_line: int


def excerpt(lines: Sequence[str], location: Location) -> str:
    """The lines of a location with ``>>>`` before them, and two of context, as in BuildKit."""
    first = max(1, location.first_line - _CONTEXT_LINES)
    last = min(len(lines), location.last_line + _CONTEXT_LINES)
    rule = "-" * 20
    rows = []
    for number in range(first, last + 1):
        mark = ">>>" if location.first_line <= number <= location.last_line else "   "
        rows.append(f"{number:4} | {mark} {lines[number - 1]}".rstrip())
    return "\n".join([f"{location.file}:{location.first_line}", rule, *rows, rule])
