"""What a cache holds and what became of it, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pybuild.report.lines import one_line
from pybuild.report.size import size

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
_TITLE_WIDTH = 60
_KEY_WIDTH = 12  # enough to name an entry by
_UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry as it is listed.

    Attributes:
        key: In hex.
        created: RFC 3339, or empty.
        created_s: The same in seconds since 1970, or None.
        size_bytes: Of all that the entry names in its place.
        used_s: When it was last used, or None.
    """

    key: str
    title: str
    created: str
    created_s: float | None
    size_bytes: int
    used_s: float | None


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A layer of an entry's chain and where it lies."""

    digest: str
    media_type: str
    size_bytes: int
    place: str


@dataclass(frozen=True, slots=True)
class EntryDetails:
    """An entry in full.

    Attributes:
        base: The digest of the base image's manifest; empty for scratch.
        problem: Why it is a miss, or empty.
        seconds: How long the step took, or None.
        parts: What its key is made of.
    """

    row: EntryRow
    base: str
    chain: tuple[LayerRow, ...]
    problem: str
    seconds: float | None
    parts: Mapping[str, str] = field(default_factory=dict)


def entry_lines(rows: Sequence[EntryRow], total_bytes: int, now_s: float) -> Iterable[str]:
    """A table of entries, and their number and size."""
    head = ("KEY", "AGE", "SIZE", "LAST USED", "STEP")
    cells = [
        (
            row.key[:_KEY_WIDTH],
            _age(row.created_s, now_s),
            size(row.size_bytes),
            _age(row.used_s, now_s),
            _short(row.title),
        )
        for row in rows
    ]
    yield from _table([head, *cells])
    yield ""
    yield f"{count(len(rows), 'entry', 'entries')}, {size(total_bytes)}"


def entry_documents(rows: Iterable[EntryRow]) -> list[dict[str, Any]]:
    """Entries as JSON."""
    return [
        {
            "key": row.key,
            "title": row.title,
            "created": row.created or None,
            "size": row.size_bytes,
            "lastUsed": None if row.used_s is None else int(row.used_s),
        }
        for row in rows
    ]


def details_lines(details: EntryDetails, now_s: float) -> Iterable[str]:
    """An entry in full."""
    row = details.row
    facts = [
        ("key", row.key),
        ("step", _shown(row.title) or _UNKNOWN),
        ("ran", f"{row.created} ({_age(row.created_s, now_s)} ago)" if row.created else _UNKNOWN),
        ("took", _UNKNOWN if details.seconds is None else f"{details.seconds:.1f}s"),
        ("base", details.base or "scratch"),
    ]
    if details.problem:
        facts.append(("not used", _shown(details.problem)))
    yield from (f"{name + ':':9} {text}" for name, text in facts)
    yield ""
    yield "chain, the base's first layer at the top:"
    yield from _table([(one.digest, size(one.size_bytes), one.place) for one in details.chain])
    yield ""
    yield "key is made of:"
    if not details.parts:
        yield "  (the entry does not say)"
    yield from (f"  {_shown(name)}: {_shown(text)}" for name, text in details.parts.items())


def details_document(details: EntryDetails) -> dict[str, Any]:
    """An entry in full as JSON."""
    (document,) = entry_documents([details.row])
    return {
        **document,
        "seconds": details.seconds,
        "base": details.base or None,
        "problem": details.problem or None,
        "chain": [
            {
                "digest": layer.digest,
                "mediaType": layer.media_type,
                "size": layer.size_bytes,
                "place": layer.place,
            }
            for layer in details.chain
        ],
        "parts": dict(details.parts),
    }


def count(number: int, one: str, many: str) -> str:
    """A number and its noun."""
    return f"{number} {one if number == 1 else many}"


def _age(at_s: float | None, now_s: float) -> str:
    if at_s is None:
        return _UNKNOWN
    age_s = max(0, int(now_s - at_s))
    for unit_s, letter in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "m")):
        if age_s >= unit_s:
            return f"{age_s // unit_s}{letter}"
    return f"{age_s}s"


def _shown(text: str) -> str:
    """Text from a cache, which anybody may have written: one line, and nothing for a terminal."""
    return "".join(char if char.isprintable() else "?" for char in one_line(text))


def _short(title: str) -> str:
    text = _shown(title) or _UNKNOWN
    return text if len(text) <= _TITLE_WIDTH else text[: _TITLE_WIDTH - 1] + "…"


def _table(rows: Sequence[tuple[str, ...]]) -> Iterable[str]:
    if not rows:
        return ()
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
