"""What of a directory a COPY takes, where ``--parents`` and ``--exclude`` leave things out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from pybuild.placement.select import Selected
from pybuild.tree.entry import Entry, Kind, Tree
from pybuild.tree.walk import join


class Patterns(Protocol):
    """Names that are left out, by their path in a directory."""

    def excludes(self, path: bytes) -> bool:
        """Whether the path, or a directory above it, is left out."""

    def may_reinclude_below(self, path: bytes) -> bool:
        """Whether something below this directory, which is left out, may be taken back in."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A name that is copied.

    Attributes:
        path: In the selected directory.
        on_the_way: Whether it is a directory that is left out itself, but something in it is not.
    """

    path: bytes
    entry: Entry
    on_the_way: bool = False


def kept(tree: Tree, selected: Selected, patterns: tuple[Patterns, ...]) -> Iterator[Kept]:
    """What is copied of all that is below a selected directory, directories first.

    Args:
        tree: Where it was selected.
        selected: The directory; it is not among what is given, and patterns do not apply to it.
        patterns: Each leaves names out.
    """
    pending = [_Directory(selected.entry, b"", kept=True)]
    while pending:
        directory = pending.pop()
        for name in tree.children(directory.entry.path):
            entry = tree.get(join(directory.entry.path, name))
            if entry is None:
                continue
            path = join(directory.path, name)
            is_kept = not any(one.excludes(path) for one in patterns)
            if is_kept:
                yield from directory.way()
                yield Kept(path, entry)
            if entry.kind is Kind.DIRECTORY and (is_kept or _may_hold(path, patterns)):
                pending.append(_Directory(entry, path, is_kept, directory))


def _may_hold(path: bytes, patterns: tuple[Patterns, ...]) -> bool:
    return all(not one.excludes(path) or one.may_reinclude_below(path) for one in patterns)


@dataclass(slots=True)
class _Directory:
    """A directory that is walked; above is None for the selected one."""

    entry: Entry
    path: bytes
    kept: bool
    above: _Directory | None = None

    def way(self) -> Iterator[Kept]:
        """Itself and those above it, as far as nothing has been kept in them yet."""
        missing: list[_Directory] = []
        here: _Directory | None = self
        while here is not None and not here.kept:
            missing.append(here)
            here.kept = True
            here = here.above
        for directory in reversed(missing):
            yield Kept(directory.path, directory.entry, on_the_way=True)
