"""Every image that a build names becomes exact documents, before its plan is made."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from pybuild.dockerfile.instructions import Dockerfile
from pybuild.engine.tools import Tools
from pybuild.errors import PybuildError
from pybuild.graph.plan import Plan, RunAction, Step
from pybuild.graph.planner import make_plan
from pybuild.graph.scope import EPOCH, Scope, global_scope
from pybuild.graph.stages import (
    ImageKey,
    ImageUse,
    Links,
    NamedContexts,
    Resolved,
    images,
    near_stage,
    reachable,
    target_stage,
)
from pybuild.ports import ResolvedImage
from pybuild.request import BuildRequest

_RESOLVES = 8  # images asked for at once

Find = Callable[[ImageUse, Tools], ResolvedImage]
"""Gives an image's documents."""


@dataclass(frozen=True, slots=True)
class FoundStages:
    """The stages of a target, and the images that they name."""

    scope: Scope
    links: tuple[Links, ...]
    resolved: Resolved


def plan_stages(
    dockerfile: Dockerfile,
    request: BuildRequest,
    contexts: NamedContexts,
    find: Find,
    tools: Tools,
) -> tuple[Plan, FoundStages]:
    """Resolve images in rounds, as the triggers (ONBUILD) of one may name more; then plan.

    Returns:
        The plan, and what it was made from.

    Raises:
        PybuildError: The Dockerfile is wrong, or an image cannot be had.
    """
    target = target_stage(dockerfile, request.target)
    scope = scope_of(dockerfile, request)
    resolved: dict[ImageKey, ResolvedImage] = {}
    while True:
        links = reachable(dockerfile, scope, target, contexts, resolved)
        uses = images(links, resolved)
        if not uses:
            break
        resolved |= _resolve(dockerfile, uses, find, tools)
    for message in _of_other_platforms(links, resolved):
        tools.progress.warn("InvalidBaseImagePlatform", message)
    plan = make_plan(dockerfile, scope, links, resolved)
    return _with_network(plan, request.run.network), FoundStages(scope, links, resolved)


def scope_of(dockerfile: Dockerfile, request: BuildRequest) -> Scope:
    """What ARGs are given: ``SOURCE_DATE_EPOCH`` wherever it is set, as buildx gives it."""
    given = dict(request.build_args)
    if request.source_date_epoch is not None:
        given.setdefault(EPOCH, str(request.source_date_epoch))
    return global_scope(dockerfile, given, request.platform, request.target)


def _of_other_platforms(links: tuple[Links, ...], resolved: Resolved) -> tuple[str, ...]:
    """What images are not for that they are used for, where no check of the Dockerfile says it.

    The check is about a FROM without a platform.
    """
    uses = [
        use
        for link in links
        for use in (link.base, *link.origins.values())
        if isinstance(use, ImageUse) and (use is not link.base or link.stage.source.platform)
    ]
    said = []
    for use in uses:
        has, wanted = resolved[use.key].config.platform, use.platform
        if (has.os, has.architecture) != (wanted.os, wanted.architecture):
            said.append(f"{use.reference} is for {has}, not for {wanted}")
    return tuple(dict.fromkeys(said))


def _resolve(
    dockerfile: Dockerfile, uses: tuple[ImageUse, ...], find: Find, tools: Tools
) -> dict[ImageKey, ResolvedImage]:
    def resolve(use: ImageUse) -> ResolvedImage:
        with tools.progress.vertex(f"[internal] load metadata for {use.reference}"):
            try:
                return find(use, tools)
            except PybuildError as error:
                error.excerpt = error.excerpt or dockerfile.excerpt(use.location)
                error.hint = error.hint or near_stage(dockerfile, use.reference)
                raise

    with ThreadPoolExecutor(min(len(uses), _RESOLVES), thread_name_prefix="resolve") as pool:
        found = pool.map(resolve, uses)
        return {use.key: image for use, image in zip(uses, found, strict=True)}


def _with_network(plan: Plan, network: str) -> Plan:
    """The plan with the network of RUNs that say nothing of it."""
    if network == "default":
        return plan

    def changed(step: Step) -> Step:
        action = step.action
        if isinstance(action, RunAction) and action.network == "default":
            return replace(step, action=replace(action, network=network))
        return step

    stages = (replace(stage, steps=tuple(map(changed, stage.steps))) for stage in plan.stages)
    return replace(plan, stages=tuple(stages))
