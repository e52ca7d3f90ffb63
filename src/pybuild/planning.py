"""Request and context → a job: the plan, its keys, what the cache knows of them, and the cut."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from pybuild.build_contexts import LAYOUT, ContextFiles, named_contexts, unused
from pybuild.checking import is_wanted, warn_of_violations
from pybuild.context.dockerfile import FoundDockerfile, read_dockerfile
from pybuild.context.dockerignore import ignore_text
from pybuild.digest import Digest
from pybuild.dockerfile.frontend import BUILT_IN
from pybuild.dockerfile.instructions import Dockerfile
from pybuild.dockerfile.parser import parse
from pybuild.engine.contents import contents
from pybuild.engine.ignored import IgnoredPaths
from pybuild.engine.job import Job, Keys
from pybuild.engine.leaks import said_in
from pybuild.engine.progress import Progress
from pybuild.engine.times import rfc3339
from pybuild.engine.tools import Inputs, Times, Tools
from pybuild.graph.cut import cut
from pybuild.graph.keys import stage_keys
from pybuild.graph.plan import Plan
from pybuild.graph.stages import ImageUse
from pybuild.layers.compression import compression_for
from pybuild.ports import CacheEntry, FetchedContext, ResolvedImage
from pybuild.request import BuildRequest
from pybuild.resolving import plan_stages
from pybuild.store.layout_image import read_layout_image
from pybuild.surroundings import agents, sandbox

_SYNTAX = "BUILDKIT_SYNTAX"


def plan_job(
    request: BuildRequest,
    context: FetchedContext,
    stdin: BinaryIO,
    tools: Tools,
    secrets: Mapping[str, bytes],
) -> Job:
    """Plan a build and find out what of it is there already.

    Args:
        request: What to build.
        context: The main context, after the hook.
        stdin: What is left of it, for a named context.
        tools: Resolves images, fetches contexts, knows cached steps.
        secrets: Values by id.

    Raises:
        PybuildError: The Dockerfile is wrong, or something that it names cannot be had.
    """
    found, dockerfile = load_dockerfile(request, context, tools.progress)
    plan, stages = plan_stages(dockerfile, request, named_contexts(request), find_image, tools)
    for warning in (*plan.warnings, *unused(request, stages.links), *said_in(plan, secrets)):
        if is_wanted(warning, dockerfile, request):
            tools.progress.emit(warning)
    ignore = ignore_text(context.directory, found.path)
    warn_of_violations(dockerfile, request, stages, ignore, tools.progress.emit)
    inputs = _inputs(dockerfile, request, context, secrets)
    files = ContextFiles(request, context, found.path, stdin, tools, secrets)
    contexts = files.read_by(plan)
    digests = contents(plan, contexts, inputs, tools)
    keys = stage_keys(plan, digests, rewrite_to=inputs.times.rewrite_to)
    must_run = _must_run(request.no_cache_stages, dockerfile, tools)
    hits = _look_up(_wanted(plan, keys, must_run), request, tools)
    return Job(plan, keys, hits, cut(plan, keys, hits), contexts, inputs, tools, digests)


def load_dockerfile(
    request: BuildRequest, context: FetchedContext, progress: Progress
) -> tuple[FoundDockerfile, Dockerfile]:
    """Read and parse the Dockerfile.

    Raises:
        PybuildError: It is not there, or is wrong.
    """
    with progress.vertex("[internal] load build definition") as vertex:
        found = read_dockerfile(context, request.dockerfile, Path.cwd())
        vertex.line(f"transferring dockerfile: {found.name}")
        given = dict(request.build_args).get(_SYNTAX)
        frontend = BUILT_IN if request.foreign_syntax else given
        return found, parse(found.text, file=found.name, frontend=frontend)


def find_image(use: ImageUse, tools: Tools) -> ResolvedImage:
    """An image is where its reference says: in a registry, or in a directory."""
    place = use.reference.repository
    if place.registry == LAYOUT:
        return read_layout_image(Path(place.path), use.reference, use.platform, tools.store)
    return tools.registry.resolve(use.reference, use.platform)


def _inputs(
    dockerfile: Dockerfile,
    request: BuildRequest,
    context: FetchedContext,
    secrets: Mapping[str, bytes],
) -> Inputs:
    return Inputs(
        dockerfile,
        _times(request, context),
        compression_for(request.image.compression, request.image.level),
        IgnoredPaths.parse(request.ignore_paths),
        sandbox=sandbox(request),
        secrets=secrets,
        ssh=agents(request),
    )


def _times(request: BuildRequest, context: FetchedContext) -> Times:
    epoch = request.source_date_epoch
    return Times(
        now=request.now_s if epoch is None else epoch,
        placed_limit=context.commit_time_s if epoch is None else epoch,
        rewrite_to=epoch if request.rewrite_timestamp else None,
    )


def _look_up(
    wanted: Sequence[Digest], request: BuildRequest, tools: Tools
) -> dict[Digest, CacheEntry]:
    if tools.cache is None:
        return {}
    oldest = "" if request.cache_ttl_s is None else rfc3339(request.now_s - request.cache_ttl_s)
    with tools.progress.vertex("[internal] look up steps in the cache") as vertex:
        found = tools.cache.look_up(wanted)
        hits = {key: entry for key, entry in found.items() if entry.created >= oldest}
        vertex.line(f"{len(hits)} of {len(wanted)} steps found")
        if len(hits) < len(found):
            vertex.line(f"{len(found) - len(hits)} of them are older than the cache's time to live")
    return hits


def _wanted(plan: Plan, keys: Keys, must_run: Collection[str]) -> list[Digest]:
    """Every key that is asked for; none of a stage that must run, nor of one just like it."""
    unwanted = {key for stage in plan.stages if stage.name in must_run for key in keys[stage.index]}
    return [key for key in dict.fromkeys(itertools.chain(*keys)) if key not in unwanted]


def _must_run(asked: Iterable[str], dockerfile: Dockerfile, tools: Tools) -> set[str]:
    """Stages whose steps are not looked up, by their names in the plan."""
    names = {}
    for stage in dockerfile.stages:
        name = stage.source.name or f"stage-{stage.index}"
        names[str(stage.index)] = names[name] = name
    for text in asked:
        if text.lower() not in names:
            tools.progress.warn("NoCacheFilter", f"--no-cache-filter: there is no stage {text}")
    return {names[text.lower()] for text in asked if text.lower() in names}
