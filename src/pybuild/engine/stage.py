"""One stage: from what is reused of it to its last layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import assert_never

from pybuild.digest import Digest
from pybuild.engine.copy import copying
from pybuild.engine.finished import FinishedStage
from pybuild.engine.job import Job
from pybuild.engine.live import LiveStage, materialize, restore, start_over
from pybuild.engine.progress import Vertex
from pybuild.engine.run import running, workdir_step
from pybuild.engine.sources import Sources
from pybuild.engine.times import rfc3339
from pybuild.errors import DockerfileError, TreeChanged
from pybuild.graph.cut import StageCut
from pybuild.graph.keys import ContextKey
from pybuild.graph.plan import (
    CopyAction,
    FromStage,
    ImageBase,
    RunAction,
    StageBase,
    StagePlan,
    Step,
    WorkdirAction,
    sources_of,
)
from pybuild.layers.pack import PackedLayer, pack
from pybuild.ports import CacheEntry, ChainLayer
from pybuild.request import StepReport
from pybuild.tree.entry import Entry, Item
from pybuild.tree.parents import with_parents

OnLayer = Callable[[int, ChainLayer], None]
"""Told of every layer of a stage's chain, in order, as soon as it is known; by stage index."""

OnEntry = Callable[[ContextKey, CacheEntry, float], None]
"""Told of every step that ran: where it is, its entry, and how many seconds it took."""


class StageRun:
    """Brings one stage as far as the build needs it; used by one thread."""

    def __init__(
        self,
        job: Job,
        stage: StagePlan,
        finished: Mapping[int, FinishedStage],
        sources: Sources,
        *,
        on_layer: OnLayer,
        on_entry: OnEntry,
    ) -> None:
        self._job = job
        self._tools = job.tools
        self._stage = stage
        self._cut = job.cuts[stage.index]
        self._keys = job.keys[stage.index]
        self._finished = finished
        self._sources = sources
        self._on_layer = on_layer
        self._on_entry = on_entry
        self._reports: list[StepReport] = []

    def run(self) -> FinishedStage:
        """Reuse what is reused, run what must run.

        Raises:
            PybuildError: A step failed, or something it needs could not be had.
        """
        created = self._reuse()
        if not self._cut.needed:
            return FinishedStage((), tuple(created), tuple(self._reports))
        chain = self._start_chain()
        for layer in chain:
            self._on_layer(self._stage.index, layer)
        remaining = self._stage.steps[self._cut.reused :]
        if not remaining and not self._cut.read:
            return FinishedStage(tuple(chain), tuple(created), tuple(self._reports))
        live = self._open(chain, created)
        for place, step in enumerate(remaining, self._cut.reused):
            self._step(place, step, live)
        kept = live if self._cut.read else None
        return FinishedStage(tuple(chain), tuple(created), tuple(self._reports), kept)

    def _reuse(self) -> list[str]:
        cut = self._cut
        count = cut.reused
        if not cut.needed:
            count = max(count, _leading_hits(self._keys, self._job.hits))
        for place, step in enumerate(self._stage.steps[:count]):
            self._tools.progress.cached(step.title)
            layer = cut.chain[place - count].descriptor if cut.needed and cut.chain else None
            self._reports.append(StepReport(step.title, cached=True, seconds=0.0, layer=layer))
        return _reused_times(self._keys[:count], self._job, cut)

    def _start_chain(self) -> list[ChainLayer]:
        if self._cut.chain is not None:
            return list(self._cut.chain)
        match self._stage.base:
            case StageBase(index):
                return list(self._finished[index].chain)
            case _:
                raise AssertionError("only a stage on a stage waits for its base")

    def _open(self, chain: list[ChainLayer], created: list[str]) -> LiveStage:
        # Closed with the rootfs, when the image is delivered: deleting a tree takes its time.
        live = LiveStage(chain, created, self._tools.rootfs.stage(f"stage-{self._stage.index}"))
        if chain:
            base = self._stage.base
            name = self._stage.name
            if isinstance(base, ImageBase):
                name = str(base.image.reference)
            with self._tools.progress.vertex(f"[{self._stage.name}] unpack {name}"):
                materialize(live, self._tools, beside=True)
        return live

    def _step(self, place: int, step: Step, live: LiveStage) -> None:
        began_s = self._tools.progress.now_s()
        with self._tools.progress.vertex(step.title) as vertex:
            restore(live, self._tools)
            packed = self._sound_layer(step, live, vertex)
            live.add(packed)
        created = rfc3339(self._job.inputs.times.now)
        live.created.append(created)
        self._on_layer(self._stage.index, live.chain[-1])
        seconds = self._tools.progress.now_s() - began_s
        report = StepReport(step.title, cached=False, seconds=seconds, layer=packed.descriptor)
        self._reports.append(report)
        entry = CacheEntry(self._base_digest(), tuple(live.chain), created)
        self._on_entry((self._stage.index, place), entry, seconds)

    def _sound_layer(self, step: Step, live: LiveStage, vertex: Vertex) -> PackedLayer:
        """The step's layer; made once more where another stage's RUN came in between."""
        try:
            return self._layer(step, live, vertex)
        except TreeChanged:
            start_over(live, self._tools)
        return self._layer(step, live, vertex)

    def _sources_damaged(self, step: Step) -> bool:
        read = (s.index for s in sources_of(step.action) if isinstance(s, FromStage))
        stages = (self._finished[index].live for index in read)
        return any(live is not None and live.tree.damaged for live in stages)

    def _layer(self, step: Step, live: LiveStage, vertex: Vertex) -> PackedLayer:
        try:
            with self._items(step, live, vertex) as items:
                whole = with_parents(items, live.index)
                packed = self._pack(whole, live.index.update().add)
                # A COPY holds off RUNs as long as its block lasts; what it read is sound, or not.
                if isinstance(step.action, CopyAction) and self._sources_damaged(step):
                    raise TreeChanged("a RUN changed files of a stage that is copied from")
                return packed
        except DockerfileError as error:
            error.excerpt = error.excerpt or self._job.excerpt(step)
            raise

    def _items(
        self, step: Step, live: LiveStage, vertex: Vertex
    ) -> AbstractContextManager[Iterable[Item]]:
        """What a step adds to its layer; the tree has it when the last has been taken."""
        match step.action:
            case RunAction() as action:
                sources = self._sources
                return running(step, action, live, self._job, sources=sources, vertex=vertex)
            case CopyAction() as action:
                return copying(step, action, self._sources.files, live, self._job)
            case WorkdirAction() as action:
                return nullcontext(workdir_step(step, action, live, self._job))
            case _:
                assert_never(step.action)

    def _pack(self, items: Iterable[Item], record: Callable[[Entry], object]) -> PackedLayer:
        inputs = self._job.inputs
        return pack(
            items,
            self._tools.store,
            compression=inputs.compression,
            rewrite_to=inputs.times.rewrite_to,
            record=record,
        )

    def _base_digest(self) -> str:
        base = self._stage.base
        while isinstance(base, StageBase):
            base = self._job.plan.stages[base.index].base
        return base.image.digest if isinstance(base, ImageBase) else ""


def _reused_times(keys: Sequence[Digest], job: Job, cut: StageCut) -> list[str]:
    last = cut.entry.created if cut.entry else rfc3339(job.inputs.times.now)
    return [job.hits[key].created if key in job.hits else last for key in keys]


def _leading_hits(keys: Sequence[Digest], hits: Mapping[Digest, CacheEntry]) -> int:
    """How many steps of a stage that is not needed are shown as cached."""
    for place, key in enumerate(keys):
        if key not in hits:
            return place
    return len(keys)
