"""``--parents``: a source as a directory to start from and a pattern of what to take below it."""

from __future__ import annotations

from dataclasses import dataclass

from pybuild.imagepath import ImagePath
from pybuild.placement.errors import SourceMissing
from pybuild.placement.kept import Patterns, kept
from pybuild.placement.nearest import nearest
from pybuild.placement.pattern import has_wildcards
from pybuild.placement.select import Selected, select
from pybuild.tree.entry import Kind, Tree

_PIVOT = "/./"


@dataclass(frozen=True, slots=True)
class ParentsSource:
    """A source of ``COPY --parents``: ``root/./pattern``, or a pattern below the root of all.

    Attributes:
        root: Where the copied structure starts; may hold wildcards.
        pattern: Of paths below it, in the syntax of ``.dockerignore``; empty takes nothing.
    """

    root: ImagePath
    pattern: ImagePath

    @classmethod
    def parse(cls, source: str) -> ParentsSource:
        """Split a source at its first ``/./``."""
        root, pivot, pattern = source.partition(_PIVOT)
        if not pivot:
            root, pattern = "/", source
        return cls(ImagePath.parse(root), ImagePath.parse(pattern))

    @property
    def is_required(self) -> bool:
        """Whether it must name something: with wildcards it need not."""
        return not has_wildcards(self.root.relative + b"/" + self.pattern.relative)


def select_parents(
    source: ParentsSource, tree: Tree, patterns: tuple[Patterns, ...]
) -> tuple[Selected, ...]:
    """The directories that a source of ``--parents`` starts from.

    Args:
        source: What to take.
        tree: Where it is looked up.
        patterns: What leaves out all but the source's pattern, and ``--exclude``.

    Raises:
        SourceMissing: It has no wildcards and nothing is there, or all of it is excluded.
        PlacementError: As ``select`` does.
    """
    found = select((source.root.relative,), tree)
    selected = tuple(one for one in found if one.entry.kind is Kind.DIRECTORY)
    takes_something = any(any(True for _ in kept(tree, one, patterns)) for one in selected)
    if source.is_required and not takes_something:
        path = source.root.join(source.pattern.relative)
        raise SourceMissing(str(path), nearest(tree, path))
    return selected
