"""COPY and ADD: where all that their parts hold goes, as the entries of a layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from pybuild.placement.copier import Copier
from pybuild.placement.draft import Draft, Placed
from pybuild.placement.part import ArchivePart, Part, TreePart
from pybuild.placement.spec import CopySpec
from pybuild.placement.unpacker import Unpacker
from pybuild.tree.entry import Tree

__all__ = ["Placed", "Placement", "place"]


class Placement:
    """What a COPY writes, in bytewise order of the paths, each time anew: it is kept packed."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def __iter__(self) -> Iterator[Placed]:
        return self._draft.placed()

    def __bool__(self) -> bool:
        return next(iter(self), None) is not None


def place(spec: CopySpec, parts: Iterable[Part], destination: Tree) -> Placement:
    """The layer of a COPY: everything it writes, and nothing else, parents first.

    Part by part, and in a part source by source, each sees what those before it wrote. Names of
    one file stay so where one source copies them: the bytewise first is the file, the others are
    hard links to it. As with BuildKit, which copies each source and each match of a wildcard on
    its own, names that two of them copy become two files.

    Args:
        spec: Where to, and what becomes of it.
        parts: What to place; numbered from 0 in what is returned.
        destination: The tree that the layer goes on top of: an empty one for ``--link``, whose
            layer then hides what is below it, directories' owners and modes and links included.

    Raises:
        PlacementError: A directory would replace a file or a file a directory, something that
            must be a directory is none, links lead in a circle, or an archive makes no sense.
    """
    draft = Draft(destination)
    for number, part in enumerate(parts):
        match part:
            case TreePart():
                Copier(spec, draft, part, number).copy()
            case ArchivePart():
                Unpacker(spec, draft, part, number).unpack()
            case _:
                assert_never(part)
    return Placement(draft)
