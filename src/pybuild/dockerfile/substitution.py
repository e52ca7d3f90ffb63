r"""The patterns of ``${name#pattern}`` and ``${name/pattern/text}``: ``*``, ``?`` and ``\``."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Literal

_STAR = "*"
_ANY = "?"
_ESCAPE = "\\"

Removal = Literal["#", "##", "%", "%%"]


def remove(value: str, pattern: str, how: Removal) -> str:
    """Value without the shortest (one sign) or longest (two) prefix or suffix that matches.

    Raises:
        ValueError: pattern holds an escape that means nothing.
    """
    tokens = _tokens(pattern)
    greedy = len(how) > 1
    if how.startswith("#"):
        match = _regex(tokens, greedy=greedy).match(value)
        return value[match.end() :] if match else value
    # The leftmost match of a reversed pattern is the rightmost of the pattern.
    match = _regex(tokens[::-1], greedy=greedy).match(value[::-1])
    return value[: len(value) - match.end()] if match else value


def substitute(value: str, pattern: str, text: str, *, every: bool) -> str:
    """Value with the first or every longest match of pattern replaced by text, taken literally.

    Raises:
        ValueError: pattern holds an escape that means nothing.
    """
    parts: list[str] = []
    position = 0
    previous_end = -1
    for match in _regex(_tokens(pattern), greedy=True).finditer(value):
        if match.start() == match.end() == previous_end:
            continue  # Go: an empty match that touches the one before does not count
        parts += [value[position : match.start()], text]
        position = previous_end = match.end()
        if not every:
            break
    return "".join([*parts, value[position:]])


def _tokens(pattern: str) -> list[str]:
    r"""Wildcards as they are, every other character behind a backslash.

    An escape before ``}`` or ``/`` is the substitution's own and not part of the pattern.
    """
    tokens: list[str] = []
    chars = iter(pattern)
    for char in chars:
        if char in {_STAR, _ANY}:
            tokens.append(char)
            continue
        literal = next(chars, "") if char == _ESCAPE else char
        if char == _ESCAPE and literal not in {"*", "?", "\\", "}", "/"}:
            reason = f"invalid escape '{_ESCAPE}{literal}'"
            raise ValueError(f"invalid pattern ({pattern}) in substitution: {reason}")
        tokens.append(_ESCAPE + literal)
    return tokens


def _regex(tokens: list[str], *, greedy: bool) -> re.Pattern[str]:
    """The pattern as a regular expression that needs no backtracking.

    Between two stars the earliest match is as good as any, so it is never given up again (an
    atomic group); only the last star decides between shortest and longest.
    """
    segments: list[str] = [""]
    for token in tokens:
        if token == _STAR:
            segments.append("")
        else:
            segments[-1] += "." if token == _ANY else re.escape(token[1:])
    head, *tail = segments
    for segment, following in pairwise([*tail, None]):
        is_last = following is None
        star = ".*" if greedy and is_last else ".*?"
        head += f"{star}{segment}" if is_last else f"(?>{star}{segment})"
    return re.compile(head)
