"""Which entries go: by age, by the size of all, and never the newest of each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pybuild.cache.stock import Held, total_bytes
from pybuild.digest import Digest


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked for; at least one.

    Attributes:
        older_than_s: Entries of steps that ran longer ago go.
        max_bytes: The oldest go until the rest is not larger.
        keep_last: So many of each title stay, the newest, whatever the other rules say; without
            other rules all others go.
    """

    older_than_s: int | None = None
    max_bytes: int | None = None
    keep_last: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What goes and what stays, each with the oldest first."""

    gone: tuple[Held, ...]
    kept: tuple[Held, ...]


def choose(held: Sequence[Held], rules: Rules, now_s: float) -> Choice:
    """Decide; entries of the same age are told apart by their keys."""
    oldest_first = sorted(held, key=lambda one: (ran_at_s(one), one.key))
    protected = _newest(oldest_first, rules.keep_last or 0)
    free = [one for one in oldest_first if one.key not in protected]
    gone = {one.key for one in free if _is_old(one, rules, now_s)}
    if rules.max_bytes is not None:
        _shrink(oldest_first, [one.key for one in free], gone, rules.max_bytes)
    return Choice(
        tuple(one for one in oldest_first if one.key in gone),
        tuple(one for one in oldest_first if one.key not in gone),
    )


def ran_at_s(held: Held) -> float:
    """When the step ran, in seconds since 1970; 0 where the entry does not say."""
    return datetime.fromisoformat(held.created).timestamp() if held.created else 0.0


def _is_old(held: Held, rules: Rules, now_s: float) -> bool:
    if rules.older_than_s is not None:
        return now_s - ran_at_s(held) > rules.older_than_s
    return rules.max_bytes is None


def _newest(oldest_first: Sequence[Held], count: int) -> set[Digest]:
    """The keys of the last entries of each title."""
    seen: Counter[str] = Counter()
    kept: set[Digest] = set()
    for one in reversed(oldest_first):
        if seen[one.title] < count:
            kept.add(one.key)
        seen[one.title] += 1
    return kept


def _shrink(
    oldest_first: Sequence[Held], free: Sequence[Digest], gone: set[Digest], max_bytes: int
) -> None:
    """Add to gone until what is left fits, or nothing is free; a blob goes with its last user."""
    left = [one for one in oldest_first if one.key not in gone]
    users = Counter(digest for one in left for digest in {blob.digest for blob in one.blobs})
    size_bytes = total_bytes(left)
    may_go = set(free)
    for one in left:
        if size_bytes <= max_bytes:
            return
        if one.key not in may_go:
            continue
        gone.add(one.key)
        for digest, blob in {blob.digest: blob for blob in one.blobs}.items():
            users[digest] -= 1
            size_bytes -= 0 if users[digest] else blob.size_bytes
