"""Go's filepath.Match for one component of a path, as COPY's wildcards are matched."""

from __future__ import annotations

import re

_SPECIAL = frozenset(b"*?[")
_ESCAPE = ord("\\")


class BadPattern(ValueError):  # noqa: N818 - Go's name for it, ErrBadPattern
    """A pattern that Go's ``filepath.Match`` refuses."""


class ComponentPattern:
    r"""One component of a pattern.

    Grammar, as documented at ``path/filepath.Match``::

        pattern:  { term }
        term:     '*'  |  '?'  |  '[' [ '^' ] { range } ']'  |  c  |  '\\' c
        range:    c  |  '\\' c  |  lo '-' hi

    Characters are UTF-8; a byte that is none counts as one character.
    """

    def __init__(self, pattern: bytes) -> None:
        """Compile a pattern.

        Raises:
            BadPattern: An open class, an empty one, or an escape of nothing.
        """
        self._regex = re.compile(_translate(_text(pattern)), re.DOTALL)

    def matches(self, name: bytes) -> bool:
        """Whether the whole name matches."""
        return self._regex.fullmatch(_text(name)) is not None


def has_wildcards(component: bytes) -> bool:
    """Whether a component holds a ``*``, ``?`` or ``[`` that is not escaped."""
    escaped = False
    for byte in component:
        if escaped:
            escaped = False
        elif byte == _ESCAPE:
            escaped = True
        elif byte in _SPECIAL:
            return True
    return False


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _translate(pattern: str) -> str:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "[":
            part, at = _class(pattern, at + 1)
            parts.append(part)
            continue
        if character == "*":
            parts.append(".*")
        elif character == "?":
            parts.append(".")
        else:
            character, at = _character(pattern, at)
            parts.append(re.escape(character))
            continue
        at += 1
    return "".join(parts)


def _class(pattern: str, at: int) -> tuple[str, int]:
    negated = pattern.startswith("^", at)
    at += negated
    ranges: list[str] = []
    empty = True

    while empty or not pattern.startswith("]", at):
        empty = False
        low, at = _class_character(pattern, at)
        high = low
        if pattern.startswith("-", at):
            high, at = _class_character(pattern, at + 1)
        if low <= high:  # Go takes an inverted range, which holds nothing
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")

    inside = "".join(ranges)
    if not inside:
        return ("." if negated else "(?!)"), at + 1
    return f"[{'^' if negated else ''}{inside}]", at + 1


def _class_character(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at : at + 1] in {"", "-", "]"}:
        raise BadPattern("syntax error in pattern")
    return _character(pattern, at)


def _character(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at] == "\\":
        at += 1
    if at >= len(pattern):
        raise BadPattern("syntax error in pattern")
    return pattern[at], at + 1
