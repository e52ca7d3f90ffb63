"""The parts of a COPY or an ADD, which are placed one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pybuild.placement.kept import Patterns
from pybuild.placement.select import Selected
from pybuild.tree.entry import Entry, Tree


@dataclass(frozen=True, slots=True)
class TreePart:
    """Names of a tree: of a context, a stage, a here-document, a fetched file or repository.

    Attributes:
        selected: In order; of a directory the contents are copied.
        patterns: What is left out of selected directories; never a selected name itself.
        keep_owner: Whether uids and gids stay, as those of another stage do; else all is root's.
            An owner that is asked for goes before both.
        whole: Whether a directory that is not there yet becomes like the selected one in all, as
            it does with a git repository; else it is a new directory with the time of that one.
    """

    tree: Tree
    selected: tuple[Selected, ...]
    patterns: tuple[Patterns, ...] = ()
    keep_owner: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """A name of an archive.

    Attributes:
        entry: As the archive has it: path and hard link target are relative, without ``..``.
        source: Where a FILE's bytes are, in whatever holds those of the part.
    """

    entry: Entry
    source: bytes = b""


@dataclass(frozen=True, slots=True)
class ArchivePart:
    """An archive that is unpacked into the destination.

    Attributes:
        name: For errors.
        members: Read once, in the archive's order.
    """

    name: str
    members: Iterable[Member]


Part = TreePart | ArchivePart
