"""GitHub-flavoured Markdown that no user text can break out of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pybuild.report.lines import one_line

_TICKS = re.compile(r"`+")


def code(text: str, limit: int = 200) -> str:
    """A code span, also fit for a table cell."""
    flat = clip(one_line(text[: 2 * limit]), limit).strip()
    if not flat:
        return ""
    ticks = _fence(flat, shortest=1)
    space = " " if flat.startswith("`") or flat.endswith("`") else ""
    # GFM takes a pipe for the cell's end even in a code span, unless it is escaped.
    return f"{ticks}{space}{flat}{space}{ticks}".replace("|", "\\|")


def block(text: str, language: str = "text") -> str:
    """A fenced block; its fence is longer than any run of back-ticks inside."""
    fence = _fence(text, shortest=3)
    return f"{fence}{language}\n{text}\n{fence}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are already Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def details(summary: str, body: str) -> str:
    """A part that is folded; summary is our own text."""
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def clip(text: str, limit: int) -> str:
    """At most limit characters, an ellipsis for the rest."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _fence(text: str, *, shortest: int) -> str:
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    return "`" * max(shortest, longest + 1)
