"""Execute a cut plan: stages side by side as their sources allow, each step after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass

from pybuild.engine.finished import FinishedStage
from pybuild.engine.job import Job
from pybuild.engine.sources import Sources
from pybuild.engine.stage import OnLayer, StageRun
from pybuild.errors import Terminated
from pybuild.graph.explain import explain
from pybuild.graph.keys import ContextKey
from pybuild.graph.plan import StageBase, StagePlan
from pybuild.ports import CacheEntry, ChainLayer, StepCache
from pybuild.request import StepReport


@dataclass(frozen=True, slots=True)
class Executed:
    """What came out.

    Attributes:
        chain: The target's layers, base first.
        created: For each stage, when each of its steps ran (RFC 3339).
        reports: Every step that ran or was reused, in the Dockerfile's order.
    """

    chain: tuple[ChainLayer, ...]
    created: Mapping[int, Sequence[str]]
    reports: tuple[StepReport, ...]


def execute(job: Job, jobs: int, on_layer: OnLayer) -> Executed:
    """Run what must run; steps are saved to the cache while later ones run.

    Args:
        job: The plan and everything that it needs.
        jobs: How many stages may be at work at once.
        on_layer: Told of every layer as soon as it is known, by the stage's index; called from
            any thread.

    Raises:
        PybuildError: A step failed, or something it needs could not be had. RUNs of other stages
            have been ended.
    """
    with ExitStack() as cleanup:
        savers = ThreadPoolExecutor(1, thread_name_prefix="cache")
        workers = ThreadPoolExecutor(jobs, thread_name_prefix="stage")
        cleanup.callback(workers.shutdown, wait=True, cancel_futures=True)
        execution = _Execution(job, on_layer, savers)
        try:
            finished = execution.run(workers)
            for saved in execution.saving:
                saved.result()
        except BaseException as error:
            job.tools.stopping.set()
            job.tools.rootfs.stop()
            # The trees that they are at work in are closed next.
            workers.shutdown(wait=True, cancel_futures=True)
            # A failed build still saves the steps that went well; one that was told to end is not
            # kept by an upload.
            told_to_end = isinstance(error, Terminated)
            savers.shutdown(wait=not told_to_end, cancel_futures=told_to_end)
            raise
        savers.shutdown(wait=True)
        return Executed(
            finished[job.plan.target].chain,
            {index: one.created for index, one in finished.items()},
            tuple(report for index in sorted(finished) for report in finished[index].reports),
        )


class _Execution:
    """Starts a stage when what it is made of is finished."""

    def __init__(self, job: Job, on_layer: OnLayer, savers: ThreadPoolExecutor) -> None:
        self._job = job
        self._on_layer = on_layer
        self._savers = savers
        self._finished: dict[int, FinishedStage] = {}
        self._sources = Sources(job, self._finished)
        self.saving: list[Future[None]] = []

    def run(self, workers: ThreadPoolExecutor) -> Mapping[int, FinishedStage]:
        """Bring every stage as far as the build needs it."""
        waiting = {stage.index: stage for stage in self._job.plan.stages}
        running: dict[Future[FinishedStage], int] = {}
        while waiting or running:
            for stage in [one for one in waiting.values() if self._is_ready(one)]:
                del waiting[stage.index]
                running[workers.submit(self._stage(stage).run)] = stage.index
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                index = running.pop(future)
                self._finished[index] = future.result()
        return self._finished

    def _is_ready(self, stage: StagePlan) -> bool:
        made_of = set(stage.sources())
        if isinstance(stage.base, StageBase):
            made_of.add(stage.base.index)
        return made_of <= self._finished.keys()

    def _stage(self, stage: StagePlan) -> StageRun:
        return StageRun(
            self._job,
            stage,
            self._finished,
            self._sources,
            on_layer=self._on_layer,
            on_entry=self._save,
        )

    def _save(self, where: ContextKey, entry: CacheEntry, seconds: float) -> None:
        cache = self._job.tools.cache
        if cache is not None:
            self.saving.append(self._savers.submit(self._save_in, cache, where, entry, seconds))

    def _save_in(
        self, cache: StepCache, where: ContextKey, entry: CacheEntry, seconds: float
    ) -> None:
        job = self._job
        index, place = where
        step = job.plan.stages[index].steps[place]
        rewrite_to = job.inputs.times.rewrite_to
        parts = explain(job.plan, job.keys, job.contents, where, rewrite_to=rewrite_to)
        cache.save(job.keys[index][place], entry, step.title, seconds=seconds, parts=parts)
