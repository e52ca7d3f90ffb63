"""Durations as Go writes them (``time.Duration``): HEALTHCHECK's flags."""

from __future__ import annotations

import re
from fractions import Fraction

_UNIT_NS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,  # micro sign
    "\u03bcs": 1_000,  # Greek mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = re.compile(r"([0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_MAX_NS = 2**63 - 1


def parse_duration_ns(text: str) -> int:
    """A duration such as ``1m30s`` in nanoseconds.

    Raises:
        ValueError: text is none, or does not fit in Go's 64 bits.
    """
    negative, digits = text.startswith("-"), text[1:] if text[:1] in {"-", "+"} else text
    if digits == "0":
        return 0
    total = Fraction(0)
    position = 0
    while match := _PART.match(digits, position):
        total += Fraction("0" + match[1] if match[1][0] == "." else match[1]) * _UNIT_NS[match[2]]
        position = match.end()
    if not digits or position != len(digits) or total > _MAX_NS:
        raise ValueError(f"invalid duration {text!r}")
    return -int(total) if negative else int(total)


def duration_text(duration_ns: int) -> str:
    """Nanoseconds as Go prints them (``Duration.String``): ``1m30s``, ``1.5s``, ``0s``."""
    sign, rest = ("-", -duration_ns) if duration_ns < 0 else ("", duration_ns)
    for unit, next_ns in (("ns", 1_000), ("\u00b5s", 1_000_000), ("ms", 1_000_000_000)):
        if 0 < rest < next_ns:
            return f"{sign}{_decimal(rest, _UNIT_NS[unit])}{unit}"
    hours, rest = divmod(rest, _UNIT_NS["h"])
    minutes, rest = divmod(rest, _UNIT_NS["m"])
    seconds = f"{_decimal(rest, _UNIT_NS['s'])}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else sign + seconds


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = str(unit + rest)[1:].rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
