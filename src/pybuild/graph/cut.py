"""Cut the plan: which chain each stage starts from, and which of its steps must run.

Layers of different builds are never mixed. An entry records the whole chain it was built on, and a
stage takes the chain of its deepest usable hit, which needs no other hit of that stage. A hit is
usable if

- its chain begins with the layers of the stage's base, as they are used in this build,
- it has one layer for every step up to its own, and
- no step up to it reads a stage that has to run in this build: that stage's bytes may be
  other ones than those the entry was made from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from pybuild.digest import Digest
from pybuild.graph.plan import (
    Action,
    FromStage,
    ImageBase,
    Plan,
    ScratchBase,
    StageBase,
    StagePlan,
    sources_of,
)
from pybuild.ports import CacheEntry, ChainLayer


@dataclass(frozen=True, slots=True)
class StageCut:
    """What is done about one stage.

    Attributes:
        reused: How many of its steps come from the cache.
        chain: The layers of the base and of the reused steps; None where the base stage has to
            run first.
        entry: The hit that the chain came from, or None.
        needed: Whether the target cannot be made without it.
        read: Whether another stage's step that must run reads its files.
    """

    reused: int
    chain: tuple[ChainLayer, ...] | None
    entry: CacheEntry | None
    needed: bool
    read: bool


def cut(
    plan: Plan, keys: Sequence[Sequence[Digest]], hits: Mapping[Digest, CacheEntry]
) -> tuple[StageCut, ...]:
    """Decide for every stage; running stages are found by repeating until nothing changes."""
    running: frozenset[int] = frozenset()
    while True:
        reused = _reused(plan, keys, hits, running)
        needed, read = _needed(plan, [entry[0] for entry in reused])
        now = running | {
            index for index in needed if reused[index][0] < len(plan.stages[index].steps)
        }
        if now == running:
            break
        running = now
    return tuple(
        StageCut(
            count,
            chain,
            entry,
            needed=index in needed,
            read=index in read,
        )
        for index, (count, chain, entry) in enumerate(reused)
    )


def base_chain(base: ImageBase) -> tuple[ChainLayer, ...]:
    """The layers of a base image, and where they were found; none where it has no files."""
    image = base.image
    if not image.config.diff_ids:
        return ()  # whatever its manifest lists is no layer of a tree
    return tuple(
        ChainLayer(descriptor, diff_id, image.repository)
        for descriptor, diff_id in zip(image.manifest.layers, image.config.diff_ids, strict=True)
    )


_Reuse = tuple[int, tuple[ChainLayer, ...] | None, CacheEntry | None]


def _reused(
    plan: Plan,
    keys: Sequence[Sequence[Digest]],
    hits: Mapping[Digest, CacheEntry],
    running: frozenset[int],
) -> list[_Reuse]:
    found: list[_Reuse] = []
    for stage in plan.stages:
        base = _base_chain(plan, stage, found, running)
        found.append(_deepest(stage, keys[stage.index], hits, base, running))
    return found


def _base_chain(
    plan: Plan, stage: StagePlan, found: Sequence[_Reuse], running: frozenset[int]
) -> tuple[ChainLayer, ...] | None:
    match stage.base:
        case ScratchBase():
            return ()
        case ImageBase() as base:
            return base_chain(base)
        case StageBase(index):
            count, chain, _ = found[index]
            complete = index not in running and count == len(plan.stages[index].steps)
            return chain if complete else None
        case _:
            assert_never(stage.base)


def _deepest(
    stage: StagePlan,
    keys: Sequence[Digest],
    hits: Mapping[Digest, CacheEntry],
    base: tuple[ChainLayer, ...] | None,
    running: frozenset[int],
) -> _Reuse:
    if base is None:
        return 0, None, None
    usable = _steps_before_running_source(stage, running)
    for count in range(usable, 0, -1):
        entry = hits.get(keys[count - 1])
        if entry is not None and _continues(base, entry.chain, count):
            return count, (*base, *entry.chain[len(base) :]), entry
    return 0, base, None


def _steps_before_running_source(stage: StagePlan, running: frozenset[int]) -> int:
    for place, step in enumerate(stage.steps):
        if not running.isdisjoint(_read_stages(step.action)):
            return place
    return len(stage.steps)


def _read_stages(action: Action) -> list[int]:
    return [source.index for source in sources_of(action) if isinstance(source, FromStage)]


def _continues(base: Sequence[ChainLayer], chain: Sequence[ChainLayer], steps: int) -> bool:
    if len(chain) != len(base) + steps:
        return False
    return all(
        ours.diff_id == theirs.diff_id and ours.descriptor.digest == theirs.descriptor.digest
        for ours, theirs in zip(base, chain, strict=False)
    )


def _needed(plan: Plan, reused: Sequence[int]) -> tuple[frozenset[int], frozenset[int]]:
    """Stages without which the target cannot be made, and those whose files are copied."""
    needed: set[int] = set()
    read: set[int] = set()
    waiting = [plan.target]
    while waiting:
        index = waiting.pop()
        if index in needed:
            continue
        needed.add(index)
        stage = plan.stages[index]
        if reused[index] == 0 and isinstance(stage.base, StageBase):
            waiting.append(stage.base.index)
        for step in stage.steps[reused[index] :]:
            sources = _read_stages(step.action)
            read.update(sources)
            waiting.extend(sources)
    return frozenset(needed), frozenset(read)
