"""COPY and ADD: what is placed where, ready to pack."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pybuild.engine.accounts import find_owner
from pybuild.engine.context import Listing, SourceFiles
from pybuild.engine.copy_parts import Gathered, gather, tree_parts
from pybuild.engine.job import Job
from pybuild.engine.live import LiveStage
from pybuild.engine.tools import Times
from pybuild.errors import DockerfileError
from pybuild.graph.plan import CopyAction, Files, Source, Step
from pybuild.imagepath import ImagePath
from pybuild.placement.chmod import Chmod, parse_chmod
from pybuild.placement.errors import PlacementError
from pybuild.placement.kept import kept
from pybuild.placement.part import ArchivePart
from pybuild.placement.place import Placed, place
from pybuild.placement.spec import CopySpec
from pybuild.tree.entry import NS_PER_S, Content, FileContent, Item, Kind
from pybuild.tree.index import TreeIndex


def copied_digest(action: CopyAction, part: Files, files: SourceFiles) -> bytes:
    """A digest of all that a part of an action copies, for the step's key.

    It holds names, types, modes, link targets and bytes of what is copied, and nothing of what
    ``--exclude`` and ``--parents`` leave out; not times, and not owners, which become 0:0.

    Args:
        action: The whole instruction, which says what is left out.
        part: One of its parts.
        files: What the part's source holds.

    Raises:
        DockerfileError: Something is not there, or a flag's value is malformed.
        ContextError: A file cannot be read.
    """
    _chmod(action)
    listed = Listing(b"copied 1")
    for found in tree_parts(action, part, files):
        for selected in found.selected:
            listed.add(selected.name)
            listed.add(files.facts(selected.entry))
            if selected.entry.kind is Kind.DIRECTORY:
                for one in kept(found.tree, selected, found.patterns):
                    listed.add(files.facts(one.entry))
    return listed.digest()


@contextmanager
def copying(
    step: Step,
    action: CopyAction,
    files_of: Callable[[Source], SourceFiles],
    stage: LiveStage,
    job: Job,
) -> Iterator[Iterable[Item]]:
    """Place the files in the stage's tree one by one, each given on to be packed.

    Args:
        step: For warnings.
        action: What to place.
        files_of: The files of a context or of a finished stage.
        stage: Where to.
        job: Times, and what fetches.

    Raises:
        DockerfileError: It cannot be done as asked.
        ContextError: A remote source cannot be had.
        StateError: There is no room to unpack an archive.
    """
    below, names = (TreeIndex(), None) if action.link else (stage.index, stage)
    owner = find_owner("--chown=", action.chown, step, names, job) if action.chown else None
    spec = _spec(action, owner, job.inputs.times)

    with ExitStack() as cleanup:

        def new_directory() -> Path:
            made = tempfile.TemporaryDirectory(prefix="add-", dir=job.tools.scratch)
            return Path(cleanup.enter_context(made))

        gathered = list(gather(action, files_of, job.tools, spec.now_ns, new_directory))
        try:
            placed = place(spec, (one.part for one in gathered), below)
        except PlacementError as error:
            raise DockerfileError(str(error)) from None
        contents = _Contents(gathered)
        if any(isinstance(one.part, ArchivePart) for one in gathered):
            contents.keep_own(placed, stage.tree.directory, new_directory)
        items = (Item(one.entry, contents.of(one)) for one in placed)
        yield cleanup.enter_context(stage.placing(items, job.tools)) if placed else ()


class _Contents:
    """Where the bytes of placed files are."""

    def __init__(self, gathered: Sequence[Gathered]) -> None:
        self._gathered = gathered
        self._own: dict[bytes, Path] = {}

    def keep_own(
        self,
        placed: Iterable[Placed],
        tree: Callable[[], Path],
        new_directory: Callable[[], Path],
    ) -> None:
        """Copy files of the destination itself out of the way of what will be written there."""
        for one in placed:
            source = one.source
            if one.entry.kind is Kind.FILE and one.part is None and source is not None:
                copy = self._own[source] = new_directory() / "file"
                shutil.copyfile(tree() / os.fsdecode(source), copy, follow_symlinks=False)

    def of(self, placed: Placed) -> Content | None:
        """The bytes of a FILE."""
        if placed.entry.kind is not Kind.FILE or placed.source is None:
            return None
        if placed.part is None:
            return FileContent(self._own[placed.source])
        return self._gathered[placed.part].content(placed.source)


def _spec(action: CopyAction, owner: tuple[int, int] | None, times: Times) -> CopySpec:
    limit = times.placed_limit
    return CopySpec(
        destination=action.destination,
        workdir=ImagePath.parse(action.workdir),
        now_ns=times.now * NS_PER_S,
        owner=owner,
        chmod=_chmod(action),
        mtime_limit_ns=None if limit is None else limit * NS_PER_S,
    )


def _chmod(action: CopyAction) -> Chmod | None:
    try:
        return parse_chmod(action.chmod) if action.chmod else None
    except PlacementError as error:
        raise DockerfileError(str(error)) from None
