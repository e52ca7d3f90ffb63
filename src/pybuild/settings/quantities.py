"""Numbers, sizes and durations as docker's and Kaniko's flags write them."""

from __future__ import annotations

import re

from pybuild.dockerfile.durations import parse_duration_ns
from pybuild.errors import UsageError

_NUMBER = re.compile(r"\+?[0-9]{1,9}", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([kmgt]?)(?:i?b)?", re.ASCII)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_NS = 1_000_000_000


def number(text: str, source: str, *, least: int = 0) -> int:
    """A whole number that is not below least.

    Raises:
        UsageError: text is none.
    """
    if not _NUMBER.fullmatch(text) or int(text) < least:
        raise UsageError(f"{source}: {text!r} is not a whole number from {least} on")
    return int(text)


def size_bytes(text: str, source: str) -> int:
    """A size in bytes: ``1024``, ``512m``, ``1.5g``, ``10GiB`` (docker's ``RAMInBytes``).

    Raises:
        UsageError: text is none.
    """
    match = _SIZE.fullmatch(text.lower())
    if not match:
        raise UsageError(f"{source}: {text!r} is not a size", hint="write for example 512m or 10g")
    return int(float(match[1]) * _UNITS[match[2]])


def duration_s(text: str, source: str) -> int:
    """A duration in whole seconds: ``336h``, ``1h30m`` (Go's ``time.ParseDuration``).

    Raises:
        UsageError: text is none, or is negative.
    """
    try:
        duration_ns = parse_duration_ns(text)
    except ValueError as error:
        raise UsageError(
            f"{source}: {text!r} is not a duration", hint="write for example 24h or 1h30m"
        ) from error
    if duration_ns < 0:
        raise UsageError(f"{source}: {text!r} is negative")
    return duration_ns // _NS
