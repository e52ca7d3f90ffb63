"""EXPOSE words → ``port/protocol`` (docker/go-connections ``nat.ParsePortSpecs``)."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(
    r"(?:(?:\[[0-9a-fA-F:]+\]|[0-9.]*):)?(?:[0-9-]*:)?(?P<first>[0-9]+)(?:-(?P<last>[0-9]+))?"
    r"(?:/(?P<protocol>[A-Za-z]+))?"
)
_PROTOCOLS = frozenset({"tcp", "udp", "sctp"})
_HIGHEST = 65535


def exposed(words: Iterable[str]) -> tuple[str, ...]:
    """Every port of the words, ranges spelled out; one that two words name stands twice.

    Raises:
        ValueError: A word is not ``[[ip:]host:]port[-port][/protocol]``.
    """
    found: list[str] = []
    for word in words:
        match = _WORD.fullmatch(word)
        protocol = ((match and match["protocol"]) or "tcp").lower()
        if match is None or protocol not in _PROTOCOLS:
            raise ValueError(f"invalid containerPort: {word}")
        first = int(match["first"])
        last = int(match["last"] or first)
        if not first <= last <= _HIGHEST:
            raise ValueError(f"invalid range format for --expose: {word}")
        found += [f"{port}/{protocol}" for port in range(first, last + 1)]
    return tuple(found)
