"""A file or a directory of a source with all below it, and how it becomes a tree of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pybuild.engine.context import SourceFiles
from pybuild.engine.tools import Tools
from pybuild.errors import DockerfileError
from pybuild.imagepath import ImagePath
from pybuild.layers.apply import apply_items
from pybuild.tree.change import hard_link
from pybuild.tree.entry import Entry, FileContent, Item, Kind
from pybuild.tree.links import LinkLoop, resolve
from pybuild.tree.walk import walk


@dataclass(frozen=True, slots=True)
class Subtree:
    """A name in a source that is not a link.

    Attributes:
        keep_owners: Whether its files keep their owners, as those of a stage do; those of a
            context become root's.
    """

    files: SourceFiles
    entry: Entry
    keep_owners: bool

    @property
    def place(self) -> Path:
        """Where this machine has it."""
        return self.files.path(self.entry.path)

    @property
    def is_directory(self) -> bool:
        """Else it is a file."""
        return self.entry.kind is Kind.DIRECTORY

    def digest(self) -> bytes:
        """Of all that a step can see of it, but for times and a context's owners."""
        return self.files.digest_of(((b"", self.entry.path),))


def find(files: SourceFiles, path: str, *, is_context: bool) -> Subtree:
    """What a path leads to, links followed inside the source.

    Raises:
        DockerfileError: It is not there, or is neither a file nor a directory.
    """
    try:
        entry = files.tree.get(resolve(files.tree, ImagePath.parse(path)).relative)
    except LinkLoop as loop:
        raise DockerfileError(str(loop)) from None
    if entry is None:
        hint = "check the path against the context's root, and .dockerignore" if is_context else ""
        raise DockerfileError(f'"{ImagePath.parse(path)}": not found', hint=hint)
    if entry.kind not in {Kind.FILE, Kind.DIRECTORY}:
        raise DockerfileError(f"a {entry.kind.value} cannot be mounted: {ImagePath.parse(path)}")
    return Subtree(files, entry, keep_owners=not is_context)


def copy_out(source: Subtree, into: Path, tools: Tools) -> Path:
    """Make the files be there again, in an empty directory.

    Returns:
        The copy: ``into`` itself for a directory, a name in it for a file.
    """
    apply_items(items(source), into, warn=lambda text: tools.progress.warn("LayerFidelity", text))
    return into if source.is_directory else into / os.fsdecode(source.entry.name)


def items(source: Subtree) -> Iterator[Item]:
    """The subtree as a tree of its own; names of one file stay so."""
    top = source.entry
    cut = len(top.path) + 1 if top.path else 0
    if source.is_directory:
        yield _item(top, b"", source)
    else:
        yield _item(top, top.name, source)
    first_names: dict[int, bytes] = {}
    for entry in walk(source.files.tree, top.path):
        path = entry.path[cut:]
        first = path
        if entry.kind is Kind.FILE and entry.file_id:
            first = first_names.setdefault(entry.file_id, path)
        item = _item(entry, path, source)
        yield item if first == path else Item(hard_link(item.entry, first))


def _item(entry: Entry, path: bytes, source: Subtree) -> Item:
    owner = (entry.uid, entry.gid) if source.keep_owners else (0, 0)
    placed = replace(entry, path=path, uid=owner[0], gid=owner[1], file_id=0)
    if entry.kind is not Kind.FILE:
        return Item(placed)
    return Item(placed, FileContent(source.files.path(entry.path)))
