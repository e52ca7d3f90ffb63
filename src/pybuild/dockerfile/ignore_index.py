"""Which of many ignore rules match a path, at a cost that does not grow with their number.

Every name that a pattern's last component matches holds the component's literal pieces. So each
pattern is filed under a short piece of them that few other patterns have, and a path is compared
with those alone whose piece its name holds; then with the few whose last component is wild
altogether. Within a piece they are filed by their first component, where that is literal.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pybuild.dockerfile.globs import ancestor_regex, landmarks, path_regex

_PIECE_LENGTH = 3  # long enough to tell names apart, and a name has few pieces to look up
_ANYWHERE = ""  # filed so where the first component is not literal

_Numbers = Mapping[str, tuple[int, ...]]
"""Rules by their first component, the last ones first."""


@dataclass(slots=True)
class _Expression:
    """A regular expression that is compiled when it is first needed: most never are."""

    text: str
    _compiled: re.Pattern[str] | None = None

    def matches(self, path: str) -> bool:
        """Whether it matches the whole path."""
        if self._compiled is None:
            self._compiled = re.compile(self.text, re.DOTALL)
        return self._compiled.fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class WildRules:
    """Patterns with wildcards, by number.

    Attributes:
        _expressions: What each matches.
        _pieces: Those that are filed under a piece of their last component.
        _lengths: Of the pieces that there are.
        _others: Those whose last component has no literal piece.
    """

    _expressions: Mapping[int, _Expression]
    _pieces: Mapping[str, _Numbers]
    _lengths: tuple[int, ...]
    _others: _Numbers

    @classmethod
    def of(cls, patterns: Mapping[int, str]) -> WildRules:
        """File patterns.

        Raises:
            ValueError: One is malformed.
        """
        marks = {number: landmarks(pattern) for number, pattern in patterns.items()}
        used = Counter(piece for mark in marks.values() for piece in _pieces_of(mark.literals))
        by_piece: dict[str, list[tuple[str, int]]] = defaultdict(list)
        others: list[tuple[str, int]] = []
        for number, mark in marks.items():
            pieces = _pieces_of(mark.literals)
            # The longest piece that the fewest patterns have.
            best = min(pieces, key=lambda piece: (-len(piece), used[piece]), default=None)
            (others if best is None else by_piece[best]).append((mark.top, number))
        return cls(
            {number: _Expression(path_regex(pattern)) for number, pattern in patterns.items()},
            {piece: _by_top(rules) for piece, rules in by_piece.items()},
            tuple(sorted({len(piece) for piece in by_piece})),
            _by_top(others),
        )

    def last(self, path: str) -> int:
        """The number of the last rule that matches the path itself, or -1."""
        name = path.rpartition("/")[2]
        top = path.partition("/")[0]
        found = self._last_of(self._others, top, path, -1)
        pieces = self._pieces
        for length in self._lengths:
            for start in range(len(name) - length + 1):
                numbers = pieces.get(name[start : start + length])
                if numbers is not None:
                    found = self._last_of(numbers, top, path, found)
        return found

    def _last_of(self, numbers: _Numbers, top: str, path: str, found: int) -> int:
        """The first of the numbers, the last rule first, that is above found and matches."""
        for first in (top, _ANYWHERE):
            for number in numbers.get(first, ()):
                if number <= found:
                    break
                if self._expressions[number].matches(path):
                    found = number
                    break
        return found


@dataclass(frozen=True, slots=True)
class Returns:
    """Rules that take something back in: below which directories they may."""

    _by_top: Mapping[str, Sequence[tuple[int, _Expression]]] = field(default_factory=dict)

    @classmethod
    def of(cls, patterns: Mapping[int, str]) -> Returns:
        """File patterns; those that ask the same of a directory become one, the last of them.

        Raises:
            ValueError: One is malformed.
        """
        last: dict[tuple[str, str], int] = {}
        for number, pattern in sorted(patterns.items()):
            regex = ancestor_regex(pattern)
            if regex is not None:
                last[landmarks(pattern).top, regex] = number
        by_top: dict[str, list[tuple[int, _Expression]]] = defaultdict(list)
        for (top, regex), number in last.items():
            by_top[top].append((number, _Expression(regex)))
        return cls(by_top)

    def any_below(self, directory: str, after: int) -> bool:
        """Whether a rule with a number above after may match something below the directory."""
        tops = (directory.partition("/")[0], _ANYWHERE)
        asked = (rule for top in tops for rule in self._by_top.get(top, ()))
        return any(number > after and regex.matches(directory) for number, regex in asked)


def _pieces_of(literals: Iterable[str]) -> Iterator[str]:
    """The pieces of literal texts: of the common length, or a whole shorter text."""
    for text in literals:
        length = min(_PIECE_LENGTH, len(text))
        for start in range(len(text) - length + 1):
            yield text[start : start + length]


def _by_top(rules: Iterable[tuple[str, int]]) -> _Numbers:
    by_top: dict[str, list[int]] = defaultdict(list)
    for top, number in rules:
        by_top[top].append(number)
    return {top: tuple(sorted(numbers, reverse=True)) for top, numbers in by_top.items()}
