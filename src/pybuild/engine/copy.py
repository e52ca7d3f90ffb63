"""COPY and ADD: what is placed where, ready to pack."""

from __future__ import annotations

from pybuild.archive.detect import is_archive
from pybuild.engine.accounts import find_owner
from pybuild.engine.context import SourceFiles
from pybuild.engine.job import Job
from pybuild.engine.live import LiveStage
from pybuild.engine.tools import Inputs
from pybuild.errors import DockerfileError, not_built_yet
from pybuild.graph.plan import CopyAction, Files, FromContext, Step, sources_of
from pybuild.imagepath import ImagePath
from pybuild.placement.place import Placed, place
from pybuild.placement.select import select
from pybuild.placement.spec import CopySpec, PlacementError, SourceMissing, parse_chmod
from pybuild.tree.entry import NS_PER_S, FileContent, Item, Kind


def copied_roots(
    step: Step, action: CopyAction, files: SourceFiles, inputs: Inputs
) -> tuple[tuple[bytes, bytes], ...]:
    """The names and paths of the source that a step copies, for its key."""
    try:
        spec = _spec(action, None, inputs)
        return tuple((one.name, one.path) for one in select(spec, files.tree))
    except (SourceMissing, PlacementError) as error:
        raise _problem(error, step, action, inputs) from None


def copy_step(
    step: Step,
    action: CopyAction,
    files: SourceFiles,
    stage: LiveStage,
    job: Job,
) -> tuple[Item, ...]:
    """Place the files in the stage's tree and give the layer's items."""
    owner = find_owner("--chown=", action.chown, step, stage, job) if action.chown else None
    try:
        spec = _spec(action, owner, job.inputs)
        if action.add:
            _refuse_archives(step, spec, files, job.inputs)
        placed = place(spec, files.tree, stage.index)
    except (SourceMissing, PlacementError) as error:
        raise _problem(error, step, action, job.inputs) from None
    items = tuple(_item(one, files) for one in placed)
    stage.place(items, job.tools)
    return items


def _item(placed: Placed, files: SourceFiles) -> Item:
    if placed.source is None or placed.entry.kind is not Kind.FILE:
        return Item(placed.entry)
    return Item(placed.entry, FileContent(files.path(placed.source)))


def _spec(action: CopyAction, owner: tuple[int, int] | None, inputs: Inputs) -> CopySpec:
    limit = inputs.times.placed_limit
    return CopySpec(
        sources=action.parts[0].paths if isinstance(action.parts[0], Files) else (),
        destination=action.destination,
        workdir=ImagePath.parse(action.workdir),
        owner=owner,
        keep_owner=FromContext() not in sources_of(action),
        chmod=parse_chmod(action.chmod) if action.chmod else None,
        now_ns=inputs.times.now * NS_PER_S,
        mtime_limit_ns=None if limit is None else limit * NS_PER_S,
    )


def _refuse_archives(step: Step, spec: CopySpec, files: SourceFiles, inputs: Inputs) -> None:
    for selected in select(spec, files.tree):
        entry = files.tree.get(selected.path)
        if entry and entry.kind is Kind.FILE and is_archive(files.path(selected.path)):
            name = selected.path.decode(errors="replace")
            raise not_built_yet(
                f"ADD of an archive ({name})",
                hint="unpack it in a RUN, or copy it as it is with COPY",
                excerpt=inputs.dockerfile.excerpt(step.location),
            )


def _problem(error: Exception, step: Step, action: CopyAction, inputs: Inputs) -> DockerfileError:
    hint = ""
    message = str(error)
    if isinstance(error, SourceMissing):
        message = f'"/{error.source.lstrip("/")}": not found'
        if FromContext() in sources_of(action):
            hint = "check the path against the context's root, and .dockerignore"
    return DockerfileError(message, hint=hint, excerpt=inputs.dockerfile.excerpt(step.location))
