"""The name that was probably meant (BuildKit's ``util/suggest``)."""

from __future__ import annotations

from collections.abc import Iterable

_TOO_FAR = 3


def nearest(word: str, names: Iterable[str]) -> str:
    """The name of the smallest edit distance below three, or empty; the first of equals."""
    best, distance = "", _TOO_FAR
    for name in names:
        found = edit_distance(word, name, distance)
        if 0 < found < distance:
            best, distance = name, found
    return best


def edit_distance(one: str, other: str, limit: int) -> int:
    """Levenshtein's distance; limit where it is not below that."""
    if abs(len(one) - len(other)) >= limit:
        return limit
    row = list(range(len(other) + 1))
    for index, mine in enumerate(one, 1):
        above, row[0] = row[0], index
        for place, theirs in enumerate(other, 1):
            change = above + (mine != theirs)
            above = row[place]
            row[place] = min(change, row[place] + 1, row[place - 1] + 1)
    return min(row[-1], limit)
