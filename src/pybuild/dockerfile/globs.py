r"""Patterns of ``.dockerignore`` → regular expressions (moby/patternmatcher, Go's filepath.Match).

``*`` and ``?`` stay in a component, ``[…]`` is a class, ``\`` escapes, ``**`` takes any number of
components. The expressions are for ``re.DOTALL`` and need no backtracking worth the name: what
lies between two wildcards of a kind is an atomic group, since its earliest match is as good as any.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_WILD = frozenset("*?[\\")
_MEMBER = r"(?: \\. | [^\\\]\-] )"
_CLASS = re.compile(
    rf"\[ (?P<negated> \^? ) (?P<ranges> (?: {_MEMBER} (?: - {_MEMBER} )? )+ ) \]",
    re.VERBOSE | re.DOTALL,
)
_RANGE = re.compile(r"\\?(.)(?:-\\?(.))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Token:
    """A piece of a pattern: an expression for one character, or a wildcard.

    Attributes:
        char: The character where it can be one only, else empty.
    """

    regex: str
    wildcard: str = ""
    char: str = ""


_SLASH = _Token("/", char="/")


@dataclass(frozen=True, slots=True)
class Landmarks:
    """What every path that a pattern matches has.

    Attributes:
        literals: Texts that its last component holds.
        top: Its first component, where something is below it; or empty.
    """

    literals: tuple[str, ...]
    top: str


def is_literal(pattern: str) -> bool:
    """Whether a pattern matches one path only."""
    return _WILD.isdisjoint(pattern)


def check(pattern: str) -> None:
    """Find out whether a pattern is well-formed.

    Raises:
        ValueError: It is not.
    """
    _tokens(pattern)


def path_regex(pattern: str) -> str:
    """What a path must match in whole.

    Raises:
        ValueError: pattern is malformed.
    """
    # patternmatcher compares suffixes here: "**x" matches "ax", though "**x*" does not.
    if pattern.startswith("**") and is_literal(pattern[2:]) and pattern[2:3] not in {"", "/"}:
        return ".*" + re.escape(pattern[2:])
    return _joined(_tokens(pattern))


def ancestor_regex(pattern: str) -> str | None:
    """What the path of a directory must match in whole to have something below that may match.

    None if nothing below any directory can.
    """
    components: list[list[_Token]] = [[]]
    for token in _tokens(pattern):
        if token.wildcard == "**":
            return _nested([_joined(tokens) for tokens in components[:-1]], ".*")
        if token == _SLASH:
            components.append([])
        else:
            components[-1].append(token)
    return _nested([_joined(tokens) for tokens in components[:-1]], None)


def landmarks(pattern: str) -> Landmarks:
    """What a path must have for the pattern to match it; less than there is where that is hard.

    Raises:
        ValueError: pattern is malformed.
    """
    tokens = _tokens(pattern)
    return Landmarks(_literals(_last_component(tokens)), _literal_top(tokens))


def _literal_top(tokens: Sequence[_Token]) -> str:
    """The first component, where it is literal and a slash ends it."""
    text = ""
    for token in tokens:
        if token == _SLASH:
            return text
        if not token.char:
            break
        text += token.char
    return ""


def _last_component(tokens: Sequence[_Token]) -> Sequence[_Token]:
    """The tokens of the last component as far as they are sure to be in it.

    What ``**`` takes may end in the middle of a component (``a**/b`` matches ``ab``), but what
    stands behind it and holds no slash is in the last one.
    """
    for index in range(len(tokens) - 1, -1, -1):
        if tokens[index] == _SLASH or tokens[index].wildcard == "**":
            return tokens[index + 1 :]
    return tokens


def _literals(tokens: Sequence[_Token]) -> tuple[str, ...]:
    runs = [""]
    for token in tokens:
        if token.char:
            runs[-1] += token.char
        else:
            runs.append("")
    return tuple(filter(None, runs))


def _nested(components: Sequence[str], rest: str | None) -> str | None:
    """The first component, then perhaps the next, and so on."""
    for component in reversed(components):
        rest = component if rest is None else f"{component}(?:/{rest})?"
    return rest


def _tokens(pattern: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(pattern):
        token, position = _token(pattern, position)
        tokens.append(token)
    return tokens


def _token(pattern: str, position: int) -> tuple[_Token, int]:
    char = pattern[position]
    if pattern.startswith("**", position):
        # "**/" is as "**": the slash belongs to the components it takes.
        return _Token("", "**"), position + (3 if pattern.startswith("**/", position) else 2)
    if char == "*":
        return _Token("", "*"), position + 1
    if char == "?":
        return _Token("[^/]"), position + 1
    if char == "[":
        return _class(pattern, position)
    if char == "\\":
        if position + 1 == len(pattern):
            raise ValueError("an escape ends it")
        return _Token(re.escape(pattern[position + 1]), char=pattern[position + 1]), position + 2
    return _Token(re.escape(char), char=char), position + 1


def _class(pattern: str, position: int) -> tuple[_Token, int]:
    match = _CLASS.match(pattern, position)
    if match is None:
        raise ValueError("a character class is malformed")
    ranges = ""
    for first, last in _RANGE.findall(match["ranges"]):
        if last and last < first:
            raise ValueError("a range in a character class is reversed")
        ranges += re.escape(first) + (f"-{re.escape(last)}" if last else "")
    return _Token(f"(?!/)[{match['negated']}{ranges}]"), match.end()


def _joined(tokens: Sequence[_Token]) -> str:
    regex = ""
    for index, token in enumerate(tokens):
        if not token.wildcard:
            regex += token.regex
            continue
        rest = tokens[index + 1 :]
        if token.wildcard == "*":
            return regex + _star(rest)
        return regex + _deep(rest)
    return regex


def _star(rest: Sequence[_Token]) -> str:
    """``*`` and what follows; atomic up to another ``*`` in the same component."""
    for index, token in enumerate(rest):
        if token.wildcard == "*":
            between = _joined(rest[:index])
            return f"(?>[^/]*?{between}){_joined(rest[index:])}"
        if token.wildcard or token == _SLASH:
            break
    return "[^/]*" + _joined(rest)


def _deep(rest: Sequence[_Token]) -> str:
    """``**`` and what follows; atomic up to another ``**`` that begins a component."""
    if not rest:
        return ".*"
    for index, token in enumerate(rest):
        if token.wildcard == "**" and index and rest[index - 1] == _SLASH:
            between = _joined(rest[:index])
            return f"(?>(?:.*?/)??{between}){_joined(rest[index:])}"
    return "(?:.*/)?" + _joined(rest)
