"""What a COPY or an ADD names, found: the parts that ``placement/`` places, and their bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

from pybuild.archive.detect import is_archive
from pybuild.dockerfile.ignore import IgnorePatterns
from pybuild.engine.archives import members
from pybuild.engine.context import SourceFiles
from pybuild.engine.directory_tree import DirectoryTree
from pybuild.engine.tools import Tools
from pybuild.errors import DockerfileError
from pybuild.graph.plan import CopyAction, Files, FromContext, FromStage, Inline, Source
from pybuild.imagepath import ImagePath
from pybuild.placement.errors import PlacementError, SourceMissing
from pybuild.placement.parents import ParentsSource, select_parents
from pybuild.placement.part import ArchivePart, Part, TreePart
from pybuild.placement.select import Selected, select
from pybuild.ports import RemoteSource
from pybuild.tree.entry import BytesContent, Content, Entry, FileContent, Kind
from pybuild.tree.index import TreeIndex

_INLINE_MODE = 0o644
_FETCHED_MODE = 0o600  # BuildKit's for a file from http

NewDirectory = Callable[[], Path]
"""Makes an empty directory, for an archive's bytes; it lasts until the layer is written."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """A part, and where its bytes are.

    Attributes:
        content: Of a source of the part.
    """

    part: Part
    content: Callable[[bytes], Content]


def tree_parts(action: CopyAction, part: Files, files: SourceFiles) -> tuple[TreePart, ...]:
    """What a part takes from a context or a stage, in order.

    Raises:
        DockerfileError: Something is not there, or a pattern is malformed.
    """
    keep_owner = isinstance(part.source, FromStage)
    try:
        exclude = _excluding(action.exclude)
        if not action.parents:
            patterns = () if exclude is None else (exclude,)
            selected = select(part.paths, files.tree)
            return (TreePart(files.tree, selected, patterns, keep_owner),)
        return tuple(
            _below_parents(path, files, exclude, keep_owner=keep_owner) for path in part.paths
        )
    except SourceMissing as error:
        raise _missing(error, part.source, files) from None
    except PlacementError as error:
        raise DockerfileError(str(error)) from None


def gather(
    action: CopyAction,
    files_of: Callable[[Source], SourceFiles],
    tools: Tools,
    now_ns: int,
    new_directory: NewDirectory,
) -> Iterator[Gathered]:
    """The parts of an action, archives told from other files.

    Args:
        action: What to place.
        files_of: The files of a context or of a finished stage.
        tools: Fetches remote sources.
        now_ns: The time of here-documents.
        new_directory: Called for each archive.

    Raises:
        DockerfileError: Something is not there, or makes no sense.
        ContextError: A remote source cannot be had.
    """
    for part in action.parts:
        match part:
            case Files():
                files = files_of(part.source)
                unpack = action.add if action.unpack is None else action.unpack
                for found in tree_parts(action, part, files):
                    yield from _files(found, files.directory, new_directory, unpack=unpack)
            case Inline():
                yield _inline(part, now_ns)
            case RemoteSource():
                yield from _remote(part, tools, new_directory, unpack=bool(action.unpack))
            case _:
                assert_never(part)


def _files(
    part: TreePart, directory: Path, new_directory: NewDirectory, *, unpack: bool
) -> Iterator[Gathered]:
    """A part, cut where an archive has to be unpacked in between."""
    prefix = os.path.join(os.fsencode(directory), b"")  # noqa: PTH118 - bytes

    def content(source: bytes) -> Content:
        return FileContent(prefix + source)

    def place(source: bytes) -> Path:
        return directory / os.fsdecode(source)

    copied: list[Selected] = []
    for selected in part.selected:
        is_file = selected.entry.kind is Kind.FILE
        if not (unpack and is_file and is_archive(place(selected.path))):
            copied.append(selected)
            continue
        if copied:
            yield Gathered(replace(part, selected=tuple(copied)), content)
            copied = []
        yield _archive(place(selected.path), selected.name, new_directory())
    if copied:
        yield Gathered(replace(part, selected=tuple(copied)), content)


def _archive(place: Path, name: bytes, into: Path) -> Gathered:
    shown = os.fsdecode(name)
    return Gathered(
        ArchivePart(shown, members(place, into, shown)),
        lambda source: FileContent(into / os.fsdecode(source)),
    )


def _inline(part: Inline, now_ns: int) -> Gathered:
    path = ImagePath.parse(part.name)
    if not path.relative or path.parent.relative:
        raise DockerfileError(
            f"open {path}: no such file or directory",
            hint="a here-document's name is a file name; say where it goes in the destination",
        )
    entry = Entry(path.relative, Kind.FILE, _INLINE_MODE, mtime_ns=now_ns, size=len(part.data))
    return Gathered(_one_file(entry), lambda _source: BytesContent(part.data))


def _remote(
    remote: RemoteSource, tools: Tools, new_directory: NewDirectory, *, unpack: bool
) -> Iterator[Gathered]:
    if tools.remotes is None:
        raise AssertionError("a build with remote sources can fetch them")
    fetched = tools.remotes.fetch(remote)
    if not fetched.name:
        tree = DirectoryTree(fetched.directory)
        part = TreePart(tree, select(("/",), tree), whole=True)
        yield from _files(part, fetched.directory, new_directory, unpack=False)
        return
    name = os.fsencode(fetched.name)
    status = (fetched.directory / fetched.name).stat()
    entry = Entry(name, Kind.FILE, _FETCHED_MODE, 0, 0, status.st_mtime_ns, status.st_size)
    yield from _files(_one_file(entry), fetched.directory, new_directory, unpack=unpack)


def _one_file(entry: Entry) -> TreePart:
    return TreePart(TreeIndex(), (Selected(entry.path, entry.path, entry),))


def _below_parents(
    path: str, files: SourceFiles, exclude: IgnorePatterns | None, *, keep_owner: bool
) -> TreePart:
    source = ParentsSource.parse(path)
    pattern = os.fsdecode(source.pattern.relative)
    try:
        only = IgnorePatterns.all_but(pattern)
    except ValueError:
        raise _malformed("include", (pattern,)) from None
    patterns = (only,) if exclude is None else (only, exclude)
    selected = select_parents(source, files.tree, patterns)
    return TreePart(files.tree, selected, patterns, keep_owner)


def _excluding(patterns: tuple[str, ...]) -> IgnorePatterns | None:
    if not patterns:
        return None
    try:
        return IgnorePatterns.excluding(patterns)
    except ValueError:
        raise _malformed("exclude", patterns) from None


def _malformed(kind: str, patterns: tuple[str, ...]) -> PlacementError:
    return PlacementError(
        f"invalid {kind}patterns: [{' '.join(patterns)}]: syntax error in pattern"
    )


def _missing(error: SourceMissing, source: Source, files: SourceFiles) -> DockerfileError:
    path = os.fsencode(error.source.lstrip("/"))
    if files.tree.get(path) is not None:
        hint = "it is there, but --parents with --exclude or without a name takes nothing of it"
    elif error.nearest:
        hint = f'did you mean "{error.nearest}"?'
    elif not isinstance(source, FromContext):
        hint = ""
    elif os.path.lexists(files.path(path)):
        hint = "it is there, but .dockerignore leaves it out"
    else:
        hint = "check the path against the context's root, and .dockerignore"
    return DockerfileError(str(error), hint=hint)
