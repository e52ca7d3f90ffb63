"""RUN: who runs it, where, and what changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from pybuild.engine.accounts import find_account, find_owner
from pybuild.engine.context import SourceFiles
from pybuild.engine.job import Job
from pybuild.engine.leaks import watched
from pybuild.engine.live import LiveStage
from pybuild.engine.mounts import Mounted, mounted
from pybuild.engine.progress import Vertex
from pybuild.engine.sources import Sources
from pybuild.engine.tools import Inputs
from pybuild.errors import DockerfileError, StepFailed
from pybuild.graph.plan import RunAction, Step, WorkdirAction
from pybuild.imagepath import ImagePath
from pybuild.placement.directory import make_directory
from pybuild.placement.errors import PlacementError
from pybuild.ports import Process
from pybuild.tree.accounts import Account
from pybuild.tree.change import Changes, changes
from pybuild.tree.entry import NS_PER_S, Entry, FileContent, Item, Kind


@contextmanager
def running(
    step: Step,
    action: RunAction,
    stage: LiveStage,
    job: Job,
    *,
    sources: Sources,
    vertex: Vertex,
) -> Iterator[Iterable[Item]]:
    """Run the command and give what changed, to be packed in the block.

    Raises:
        StepFailed: The command's status was not 0.
        TreeChanged: At the end of the block: what was packed is worth nothing, since another
            stage's RUN changed it meanwhile.
    """
    account = find_account(action.user, step, stage, job)
    made = _make_workdir(step, action, stage, job)
    with mounted(action, sources, vertex, job) as more:
        process = _process(action, account, more, job.inputs)
        status = stage.tree.run(process, vertex.line)
    if status:
        raise StepFailed(
            f'process "{" ".join(action.argv)}" did not complete successfully: exit code: {status}',
            status=status,
            excerpt=job.excerpt(step),
        )
    with stage.tree.reading() as directory:
        files = SourceFiles(stage.index, directory)
        changed = _changes(stage, files, job)
        changed.include(made)
        yield watched(_items(changed, files), step, action, job)


def workdir_step(step: Step, action: WorkdirAction, stage: LiveStage, job: Job) -> tuple[Item, ...]:
    """Make the directories of a WORKDIR that are not there."""
    owner = find_owner("USER ", action.user, step, stage, job) if action.user else (0, 0)
    entries = _missing_directories(action.path, owner, step, stage, job)
    items = tuple(Item(entry) for entry in entries)
    stage.place(items, job.tools)
    return items


def _changes(stage: LiveStage, files: SourceFiles, job: Job) -> Changes:
    ignored = job.inputs.ignored
    return changes(
        stage.index,
        (one for one in stage.tree.candidates() if not ignored.covers(one.path)),
        files.digest,
        clamp_s=job.inputs.times.rewrite_to,
        unset_xattrs=stage.unset_xattrs,
    )


def _process(action: RunAction, account: Account, more: Mounted, inputs: Inputs) -> Process:
    env = {**dict(action.env), **dict(action.proxy_env), **dict(more.env)}
    env.setdefault("HOME", account.home)
    return Process(
        action.argv,
        tuple(env.items()),
        action.workdir,
        account.uid,
        account.gid,
        account.groups,
        mounts=more.mounts,
        network=action.network,
        sandbox=inputs.sandbox,
    )


def _make_workdir(step: Step, action: RunAction, stage: LiveStage, job: Job) -> Sequence[Entry]:
    # A base may name a working directory that it does not hold; docker makes it, as root.
    entries = _missing_directories(action.workdir, (0, 0), step, stage, job)
    stage.place([Item(entry) for entry in entries], job.tools)
    stage.index.apply(entries)
    return entries


def _missing_directories(
    path: str, owner: tuple[int, int], step: Step, stage: LiveStage, job: Job
) -> tuple[Entry, ...]:
    limit = job.inputs.times.placed_limit
    try:
        return make_directory(
            ImagePath.parse(path),
            stage.index,
            owner,
            job.inputs.times.now * NS_PER_S,
            None if limit is None else limit * NS_PER_S,
        )
    except PlacementError as error:
        excerpt = job.excerpt(step)
        raise DockerfileError(f"WORKDIR {path}: {error}", excerpt=excerpt) from None


def _items(entries: Iterable[Entry], files: SourceFiles) -> Iterator[Item]:
    for entry in entries:
        is_file = entry.kind is Kind.FILE
        yield Item(entry, FileContent(files.place(entry.path)) if is_file else None)
