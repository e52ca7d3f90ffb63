"""``.dockerignore``: which paths of a context are left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pybuild.dockerfile.globs import check, is_literal
from pybuild.dockerfile.ignore_index import Returns, WildRules
from pybuild.dockerfile.source import Problem, Source
from pybuild.dockerfile.words import SPACE


@dataclass(frozen=True, slots=True)
class _Rule:
    """One line: a cleaned pattern, and whether it takes back in what earlier lines left out."""

    pattern: str
    includes: bool


@dataclass(frozen=True, slots=True)
class IgnorePatterns:
    """The rules of an ignore file: the last one that matches a path or one of its parents decides.

    What a directory comes to is remembered, so that a path costs a look at itself alone.
    """

    _includes: tuple[bool, ...]
    _literals: Mapping[str, int]
    _wild: WildRules
    _returns: Returns
    _directories: dict[str, int] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def parse(cls, text: str, *, file: str = ".dockerignore") -> IgnorePatterns:
        """Read an ignore file: a pattern a line, ``#`` at the start of a line is a comment.

        Raises:
            DockerfileError: a pattern is malformed.
        """
        source = Source.read(text, file)
        rules: list[_Rule] = []
        for number, line in enumerate(source.lines, start=1):
            try:
                rule = _line_rule(line)
                if rule is not None:
                    check(rule.pattern)
                    rules.append(rule)
            except ValueError as error:
                problem = Problem(f"invalid pattern {line.strip(SPACE)}: {error}")
                raise source.error(problem, source.location(number)) from None
        return cls._of(rules)

    @classmethod
    def excluding(cls, patterns: Iterable[str]) -> IgnorePatterns:
        """What ``--exclude`` flags leave out; a pattern that begins with ``/`` matches nothing.

        Raises:
            ValueError: A pattern is malformed.
        """
        rules = [rule for rule in map(_rule, patterns) if rule is not None]
        for rule in rules:
            check(rule.pattern)
        return cls._of(rules)

    @classmethod
    def all_but(cls, pattern: str) -> IgnorePatterns:
        """Everything is left out but what one pattern matches, and what is below that.

        Args:
            pattern: Clean and relative; empty matches nothing.

        Raises:
            ValueError: It is malformed.
        """
        check(pattern)
        kept = [_Rule(pattern, includes=True)] if pattern else []
        return cls._of([_Rule("**", includes=False), *kept])

    @classmethod
    def _of(cls, rules: Sequence[_Rule]) -> IgnorePatterns:
        # Of equal patterns the last one overrules the others.
        last = {rule.pattern: number for number, rule in enumerate(rules)}
        wild = {n: pattern for pattern, n in last.items() if not is_literal(pattern)}
        returns = {n: pattern for pattern, n in last.items() if rules[n].includes}
        literals = {pattern: n for pattern, n in last.items() if is_literal(pattern)}
        return cls(
            tuple(rule.includes for rule in rules),
            literals,
            WildRules.of(wild),
            Returns.of(returns),
        )

    def excludes(self, path: bytes) -> bool:
        """Whether the entry at a path relative to the context is left out; the root never is."""
        deciding = self._deciding(_text(path))
        return deciding >= 0 and not self._includes[deciding]

    def may_reinclude_below(self, path: bytes) -> bool:
        """Whether something below an excluded directory may be back in, so that it must be read."""
        text = _text(path)
        # Rules before the one that excludes the directory are overruled by it below, too.
        return self._returns.any_below(text, self._deciding(text))

    def _deciding(self, path: str) -> int:
        """The number of the last rule that matches the path or a parent, or -1."""
        unknown: list[str] = []
        while path and path not in self._directories:
            unknown.append(path)
            path = path.rpartition("/")[0]
        found = self._directories.get(path, -1)
        for one in reversed(unknown):
            found = max(found, self._literals.get(one, -1), self._wild.last(one))
            if one is not unknown[0]:
                self._directories[one] = found
        return found


def _text(path: bytes) -> str:
    # Patterns count characters; bytes that are no UTF-8 count one each, as in Go.
    return path.decode("utf-8", "surrogateescape")


def _line_rule(line: str) -> _Rule | None:
    """A line as moby's ``ignorefile`` reads it: comments, and a leading slash says nothing."""
    rule = None if line.startswith("#") else _rule(line)
    return None if rule is None else _Rule(rule.pattern.removeprefix("/") or ".", rule.includes)


def _rule(text: str) -> _Rule | None:
    """A pattern as moby's ``patternmatcher`` reads it; None if it says nothing."""
    pattern = text.strip(SPACE)
    if not pattern:
        return None
    includes = pattern.startswith("!")
    if includes:
        pattern = pattern[1:].strip(SPACE)
        if not pattern:
            raise ValueError("an exclusion needs a pattern")
    return _Rule(_clean(pattern), includes)


def _clean(pattern: str) -> str:
    """Go's ``filepath.Clean``; ``.`` matches nothing."""
    is_rooted = pattern.startswith("/")
    parts: list[str] = []
    for part in pattern.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part == ".." and is_rooted:
            continue
        elif part not in {"", "."}:
            parts.append(part)
    return "/" * is_rooted + "/".join(parts) or "."
