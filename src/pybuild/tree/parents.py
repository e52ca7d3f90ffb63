"""A layer names every directory above what it holds.

Whoever unpacks each layer into a directory of its own (Docker's graph drivers) makes the missing
ones anew, with mode 0755 or less and for root, and these then hide the real ones below. So the
ancestors of a change are in its layer, as BuildKit has them, though they did not change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pybuild.tree.entry import Item, Kind, Tree
from pybuild.tree.walk import ancestors


def with_parents(items: Iterable[Item], recorded: Tree) -> Iterator[Item]:
    """The items, each directory above one before the first item below it.

    Args:
        items: What a step changed or placed, in bytewise order of their paths; taken one by one.
        recorded: The tree before, which has the directories' modes, owners and times.
    """
    named = {b""}  # the root itself is never in a layer
    for item in items:
        path = item.entry.path
        if item.entry.parent not in named:
            for above in reversed([*ancestors(path)]):
                if above not in named:
                    named.add(above)
                    entry = recorded.get(above)
                    if entry is not None and entry.kind is Kind.DIRECTORY:
                        yield Item(entry)
        if item.entry.kind is Kind.DIRECTORY:
            named.add(path)
        yield item
