"""``.dockerignore``: which paths of a context are left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pybuild.dockerfile.globs import ancestor_regex, is_literal, path_regex
from pybuild.dockerfile.source import Problem, Source
from pybuild.dockerfile.words import SPACE


@dataclass(frozen=True, slots=True)
class _Rule:
    """One line: a cleaned pattern, and whether it takes back in what earlier lines left out."""

    pattern: str
    includes: bool


@dataclass(frozen=True, slots=True)
class IgnorePatterns:
    """The rules of an ignore file, compiled: a path costs its depth and one search.

    The last rule that matches a path or one of its parents decides. Rules without wildcards are
    looked up; all others are one expression, the last rule first, so that the group that matched
    is the rule.
    """

    _includes: tuple[bool, ...]
    _literals: Mapping[str, int]
    _wild: re.Pattern[str] | None
    _wild_rules: tuple[int, ...]
    _returns: tuple[tuple[int, re.Pattern[str]], ...]

    @classmethod
    def parse(cls, text: str, *, file: str = ".dockerignore") -> IgnorePatterns:
        """Read an ignore file: a pattern a line, ``#`` at the start of a line is a comment.

        Raises:
            DockerfileError: a pattern is malformed.
        """
        source = Source.read(text, file)
        rules: list[_Rule] = []
        wild: list[tuple[int, str]] = []
        returns: list[tuple[int, re.Pattern[str]]] = []
        for number, line in enumerate(source.lines, start=1):
            try:
                rule = _rule(line)
                if rule is None:
                    continue
                if not is_literal(rule.pattern):
                    wild.append((len(rules), path_regex(rule.pattern)))
                if rule.includes:
                    returns += _return(len(rules), rule.pattern)
            except ValueError as error:
                problem = Problem(f"invalid pattern {line.strip(SPACE)}: {error}")
                raise source.error(problem, source.location(number)) from None
            rules.append(rule)
        return cls(
            tuple(rule.includes for rule in rules),
            {rule.pattern: n for n, rule in enumerate(rules) if is_literal(rule.pattern)},
            _compiled(wild),
            tuple(index for index, _ in reversed(wild)),
            tuple(returns),
        )

    def excludes(self, path: bytes) -> bool:
        """Whether the entry at a path relative to the context is left out; the root never is."""
        deciding = self._deciding(_text(path))
        return deciding >= 0 and not self._includes[deciding]

    def may_reinclude_below(self, path: bytes) -> bool:
        """Whether something below an excluded directory may be back in, so that it must be read."""
        text = _text(path)
        deciding = self._deciding(text)
        # Rules before the one that excludes the directory are overruled by it below, too.
        return any(index > deciding and regex.fullmatch(text) for index, regex in self._returns)

    def _deciding(self, path: str) -> int:
        """The number of the last rule that matches, or -1."""
        last = max((self._literals.get(parent, -1) for parent in _with_parents(path)), default=-1)
        match = self._wild.match(path) if self._wild and path else None
        if match is None or match.lastindex is None:
            return last
        return max(last, self._wild_rules[match.lastindex - 1])


def _text(path: bytes) -> str:
    # Patterns count characters; bytes that are no UTF-8 count one each, as in Go.
    return path.decode("utf-8", "surrogateescape")


def _with_parents(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition("/")[0]


def _rule(line: str) -> _Rule | None:
    """A line as moby's ``ignorefile`` and ``patternmatcher`` read it; None if it says nothing."""
    pattern = "" if line.startswith("#") else line.strip(SPACE)
    if not pattern:
        return None
    includes = pattern.startswith("!")
    if includes:
        pattern = pattern[1:].strip(SPACE)
        if not pattern:
            raise ValueError("an exclusion needs a pattern")
    return _Rule(_clean(pattern), includes)


def _clean(pattern: str) -> str:
    """Go's ``filepath.Clean``, then without a leading slash; ``.`` matches nothing."""
    is_rooted = pattern.startswith("/")
    parts: list[str] = []
    for part in pattern.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part == ".." and is_rooted:
            continue
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts) or "."


def _return(index: int, pattern: str) -> Iterable[tuple[int, re.Pattern[str]]]:
    regex = ancestor_regex(pattern)
    return () if regex is None else ((index, re.compile(regex, re.DOTALL)),)


def _compiled(wild: Sequence[tuple[int, str]]) -> re.Pattern[str] | None:
    if not wild:
        return None
    groups = "|".join(f"({regex})(?=/|\\Z)" for _, regex in reversed(wild))
    return re.compile(groups, re.DOTALL)
