"""The plan as text, for ``--dry-run``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pybuild.digest import Digest, hex_of
from pybuild.graph.cut import StageCut
from pybuild.graph.plan import ImageBase, Plan, ScratchBase, StageBase, StagePlan


def render(plan: Plan, keys: Sequence[Sequence[Digest]], cuts: Sequence[StageCut]) -> str:
    """Every stage with its base, and every step with what is done about it and its key."""
    return "\n".join(
        line
        for stage, cut in zip(plan.stages, cuts, strict=True)
        for line in _stage(plan, stage, keys[stage.index], cut)
    )


def _stage(plan: Plan, stage: StagePlan, keys: Sequence[Digest], cut: StageCut) -> Iterator[str]:
    target = " (target)" if stage.index == plan.target else ""
    yield f"stage {stage.name}{target}: FROM {_base(plan, stage)}"
    for place, step in enumerate(stage.steps):
        if place < cut.reused:
            verdict = "cached"
        elif cut.needed:
            verdict = "run"
        else:
            verdict = "skip"
        yield f"  {verdict:6} {hex_of(keys[place])[:12]} {step.title}"


def _base(plan: Plan, stage: StagePlan) -> str:
    other = stage.platform != plan.stages[plan.target].platform
    platform = f"--platform={stage.platform} " if other else ""
    match stage.base:
        case ScratchBase():
            return f"{platform}scratch"
        case ImageBase(image):
            return f"{platform}{image.reference}"
        case StageBase(index):
            return plan.stages[index].name
