"""Execute a cut plan: stage by stage, step by step, from what is reused to the target's chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import assert_never

from pybuild.digest import Digest
from pybuild.engine.context import SourceFiles
from pybuild.engine.copy import copied_roots, copy_step
from pybuild.engine.job import Job
from pybuild.engine.live import LiveStage, materialize
from pybuild.engine.progress import Vertex
from pybuild.engine.run import run_step, workdir_step
from pybuild.engine.times import rfc3339
from pybuild.engine.tools import Inputs
from pybuild.graph.cut import StageCut
from pybuild.graph.plan import (
    CopyAction,
    FromContext,
    FromStage,
    ImageBase,
    Plan,
    RunAction,
    StageBase,
    StagePlan,
    Step,
    WorkdirAction,
)
from pybuild.layers.pack import PackedLayer, pack
from pybuild.ports import CacheEntry, ChainLayer, StageTree
from pybuild.request import StepReport
from pybuild.tree.entry import Item


@dataclass(frozen=True, slots=True)
class Executed:
    """What came out.

    Attributes:
        chain: The target's layers, base first.
        created: For each stage, when each of its steps ran (RFC 3339).
        reports: Every step that ran or was reused, in order.
    """

    chain: tuple[ChainLayer, ...]
    created: Mapping[int, Sequence[str]]
    reports: tuple[StepReport, ...]


def context_digests(
    plan: Plan, context: SourceFiles, inputs: Inputs
) -> dict[tuple[int, int], bytes]:
    """For each step that copies from the context, a digest of what it copies."""
    digests = {}
    for stage in plan.stages:
        for place, step in enumerate(stage.steps):
            action = step.action
            if isinstance(action, CopyAction) and isinstance(action.source, FromContext):
                roots = copied_roots(step, action, context, inputs)
                digests[stage.index, place] = context.digest_of(roots)
    return digests


def execute(job: Job) -> Executed:
    """Run what must run.

    Stages run one after the other; steps are saved to the cache while later ones run.

    Raises:
        PybuildError: A step failed, or something it needs could not be had.
    """
    with ExitStack() as cleanup:
        savers = ThreadPoolExecutor(1, thread_name_prefix="cache")
        cleanup.callback(savers.shutdown, wait=True, cancel_futures=False)
        run = _Run(job, cleanup, savers)
        for stage, cut in zip(job.plan.stages, job.cuts, strict=True):
            run.stage(stage, cut)
        for future in run.saving:
            future.result()
        return Executed(tuple(run.chains[job.plan.target]), run.created, tuple(run.reports))


class _Run:
    """One execution: what each stage has come to."""

    def __init__(self, job: Job, cleanup: ExitStack, savers: ThreadPoolExecutor) -> None:
        self.chains: dict[int, list[ChainLayer]] = {}
        self.created: dict[int, list[str]] = {}
        self.reports: list[StepReport] = []
        self.saving: list[Future[None]] = []
        self._live: dict[int, LiveStage] = {}
        self._job = job
        self._tools = job.tools
        self._cleanup = cleanup
        self._savers = savers

    def stage(self, stage: StagePlan, cut: StageCut) -> None:
        """Bring one stage as far as the build needs it."""
        keys = self._job.keys[stage.index]
        count = cut.reused
        if not cut.needed:
            count = max(count, _leading_hits(keys, self._job.hits))
        for place, step in enumerate(stage.steps[:count]):
            self._tools.progress.cached(step.title)
            layer = cut.chain[place - count].descriptor if cut.needed and cut.chain else None
            self.reports.append(StepReport(step.title, cached=True, seconds=0.0, layer=layer))
        self.created[stage.index] = self._reused_times(keys[:count], cut)
        if not cut.needed:
            return
        self.chains[stage.index] = chain = self._start_chain(stage, cut)
        remaining = stage.steps[cut.reused :]
        if not remaining and not cut.read:
            return
        live = LiveStage(chain, self.created[stage.index], self._tree(stage))
        self._live[stage.index] = live
        if chain:
            self._unpack(stage, live)
        for place, step in enumerate(remaining, cut.reused):
            self._step(stage, place, step, live)

    def _start_chain(self, stage: StagePlan, cut: StageCut) -> list[ChainLayer]:
        if cut.chain is not None:
            return list(cut.chain)
        match stage.base:
            case StageBase(index):
                return list(self.chains[index])
            case _:
                raise AssertionError("only a stage on a stage waits for its base")

    def _tree(self, stage: StagePlan) -> StageTree:
        tree = self._tools.rootfs.stage(f"stage-{stage.index}")
        self._cleanup.callback(tree.close)
        return tree

    def _unpack(self, stage: StagePlan, live: LiveStage) -> None:
        base = stage.base
        name = str(base.image.reference) if isinstance(base, ImageBase) else stage.name
        with self._tools.progress.vertex(f"[{stage.name}] unpack {name}"):
            materialize(live, self._tools)

    def _step(self, stage: StagePlan, place: int, step: Step, live: LiveStage) -> None:
        began_s = self._tools.progress.now_s()
        with self._tools.progress.vertex(step.title) as vertex:
            packed = self._layer(self._items(step, live, vertex), step)
            live.add(packed)
        created = rfc3339(self._job.inputs.times.now)
        live.created.append(created)
        seconds = self._tools.progress.now_s() - began_s
        self.reports.append(StepReport(step.title, False, seconds, packed.descriptor))
        self._save(stage, place, step, live, created)

    def _items(self, step: Step, live: LiveStage, vertex: Vertex) -> tuple[Item, ...]:
        match step.action:
            case RunAction() as action:
                return run_step(step, action, live, vertex, self._job)
            case CopyAction() as action:
                files = self._source(action)
                return copy_step(step, action, files, live, self._job)
            case WorkdirAction() as action:
                return workdir_step(step, action, live, self._job)
            case _:
                assert_never(step.action)

    def _source(self, action: CopyAction) -> SourceFiles:
        match action.source:
            case FromContext():
                return self._job.context
            case FromStage(index):
                source = self._live[index]
                return SourceFiles(source.index, source.tree.directory())
            case _:
                assert_never(action.source)

    def _layer(self, items: Sequence[Item], step: Step) -> PackedLayer:
        is_run = isinstance(step.action, RunAction)
        rewrite_to = self._job.inputs.times.rewrite_to if is_run else None
        return pack(items, self._tools.store, rewrite_to=rewrite_to)

    def _save(
        self, stage: StagePlan, place: int, step: Step, live: LiveStage, created: str
    ) -> None:
        cache = self._tools.cache
        if cache is None:
            return
        entry = CacheEntry(self._base_digest(stage), tuple(live.chain), created)
        key = self._job.keys[stage.index][place]
        self.saving.append(self._savers.submit(cache.save, key, entry, step.title))

    def _base_digest(self, stage: StagePlan) -> str:
        base = stage.base
        while isinstance(base, StageBase):
            base = self._job.plan.stages[base.index].base
        return base.image.digest if isinstance(base, ImageBase) else ""

    def _reused_times(self, keys: Sequence[Digest], cut: StageCut) -> list[str]:
        last = cut.entry.created if cut.entry else rfc3339(self._job.inputs.times.now)
        return [self._job.hits[key].created if key in self._job.hits else last for key in keys]


def _leading_hits(keys: Sequence[Digest], hits: Mapping[Digest, CacheEntry]) -> int:
    """How many steps of a stage that is not needed are shown as cached."""
    for place, key in enumerate(keys):
        if key not in hits:
            return place
    return len(keys)
