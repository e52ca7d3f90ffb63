"""Which names of a source tree a COPY takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pybuild.imagepath import ImagePath
from pybuild.placement.errors import PlacementError, SourceMissing
from pybuild.placement.nearest import nearest
from pybuild.placement.pattern import BadPattern, ComponentPattern, has_wildcards
from pybuild.tree.entry import Entry, Kind, Tree
from pybuild.tree.links import LinkLoop, resolve
from pybuild.tree.walk import join


@dataclass(frozen=True, slots=True)
class Selected:
    """A name that a source stands for; a directory stands for all below it.

    Attributes:
        path: Where it is in the source tree, links followed.
        name: What it is called: of a link its own name, not its target's; empty for the root.
        entry: The entry at path.
    """

    path: bytes
    name: bytes
    entry: Entry


def select(
    sources: Iterable[bytes | str], tree: Tree, *, wildcards: bool = True
) -> tuple[Selected, ...]:
    """What is copied, in order; a name twice where two sources stand for it.

    A source with wildcards that matches nothing adds nothing.

    Args:
        sources: Paths from the tree's root; ``..`` never leaves it.
        tree: Where they are looked up.
        wildcards: Whether sources are patterns, as they are in a Dockerfile.

    Raises:
        SourceMissing: A source without wildcards, the directory before the first wildcard, or
            the target of a link is not there.
        PlacementError: A malformed pattern, or links that lead in a circle.
    """
    try:
        return tuple(
            _follow(path, tree)
            for text in sources
            for path in _expand(ImagePath.parse(text), tree, wildcards=wildcards)
        )
    except LinkLoop as loop:
        raise PlacementError(str(loop)) from None


def _expand(path: ImagePath, tree: Tree, *, wildcards: bool) -> Iterator[ImagePath]:
    parts = path.relative.split(b"/")
    plain = next((at for at, part in enumerate(parts) if has_wildcards(part)), len(parts))
    if plain == len(parts) or not wildcards:
        yield path
        return

    patterns = _compile(parts[plain:], path)
    directory = _follow(ImagePath(b"/".join(parts[:plain])), tree)
    for found in _matches(tree, directory.path, patterns):
        yield ImagePath(found)


def _compile(parts: list[bytes], path: ImagePath) -> list[ComponentPattern]:
    try:
        return [ComponentPattern(part) for part in parts]
    except BadPattern as bad:
        raise PlacementError(f"{bad}: {path}") from None


def _matches(tree: Tree, directory: bytes, patterns: list[ComponentPattern]) -> Iterator[bytes]:
    first, *rest = patterns
    for name in tree.children(directory):
        if not first.matches(name):
            continue
        path = join(directory, name)
        if not rest:
            yield path
        elif _is_directory(tree, path):  # links on the way are not followed, as by BuildKit
            yield from _matches(tree, path, rest)


def _follow(path: ImagePath, tree: Tree) -> Selected:
    found = resolve(tree, path).relative
    entry = tree.get(found)
    if entry is None:
        raise SourceMissing(str(path), nearest(tree, path))
    return Selected(found, path.name, entry)


def _is_directory(tree: Tree, path: bytes) -> bool:
    entry = tree.get(path)
    return entry is not None and entry.kind is Kind.DIRECTORY
