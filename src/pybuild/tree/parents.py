"""A layer names every directory above what it holds.

Whoever unpacks each layer into a directory of its own (Docker's graph drivers) makes the missing
ones anew, with mode 0755 or less and for root, and these then hide the real ones below. So the
ancestors of a change are in its layer, as BuildKit has them, though they did not change.
"""

from __future__ import annotations

from collections.abc import Iterable

from pybuild.tree.entry import Item, Kind, Tree
from pybuild.tree.walk import ancestors


def with_parents(items: Iterable[Item], recorded: Tree) -> tuple[Item, ...]:
    """The items and the directories above them, in bytewise order of their paths.

    Args:
        items: What a step changed or placed.
        recorded: The tree before, which has the directories' modes, owners and times.
    """
    layer = {item.entry.path: item for item in items}
    for path in tuple(layer):
        for above in ancestors(path):
            if above in layer or not above:  # the root itself is never in a layer
                continue
            entry = recorded.get(above)
            if entry is not None and entry.kind is Kind.DIRECTORY:
                layer[above] = Item(entry)
    return tuple(layer[path] for path in sorted(layer))
