"""BuildRequest → BuildResult: the one place that wires adapters into the engine."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import BinaryIO, assert_never

from pybuild.cache.registry import RegistryStepCache
from pybuild.context.dockerfile import read_dockerfile
from pybuild.context.dockerignore import ignore_text, scan
from pybuild.context.source import source_for
from pybuild.digest import Digest
from pybuild.dockerfile.ignore import IgnorePatterns
from pybuild.dockerfile.instructions import Dockerfile
from pybuild.dockerfile.parser import parse
from pybuild.engine.context import SourceFiles
from pybuild.engine.deliver import Delivery, layer_bytes
from pybuild.engine.engine import Executed, context_digests, execute
from pybuild.engine.ignored import IgnoredPaths
from pybuild.engine.image import BuiltImage, assemble, oci_form
from pybuild.engine.job import Job, Keys
from pybuild.engine.live import LiveStage, materialize
from pybuild.engine.progress import Progress
from pybuild.engine.stage import OnLayer
from pybuild.engine.times import rfc3339
from pybuild.engine.tools import Inputs, Times, Tools
from pybuild.errors import HostUnsupported, PybuildError, UsageError
from pybuild.events import Emit
from pybuild.graph.cut import base_chain, cut
from pybuild.graph.keys import stage_keys
from pybuild.graph.plan import (
    Action,
    CopyAction,
    ImageBase,
    Plan,
    RunAction,
    StageBase,
    WorkdirAction,
)
from pybuild.graph.planner import make_plan
from pybuild.graph.render import render
from pybuild.graph.scope import global_scope
from pybuild.graph.stages import ImageUse, images, reachable, target_stage
from pybuild.hook import run_hook
from pybuild.http import Transport
from pybuild.imagepath import ImagePath
from pybuild.layers.compression import compression_for
from pybuild.layers.recompress import recompress
from pybuild.oci.config import DEFAULT_PATH
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference
from pybuild.outputs import Outputs
from pybuild.ports import CacheEntry, ChainLayer, FetchedContext, ResolvedImage
from pybuild.registry.client import RegistryClient
from pybuild.request import BuildRequest, BuildResult
from pybuild.rootfs.open import open_rootfs
from pybuild.store.blobs import LayoutStore

_RESOLVES = 8  # images asked for at once


def build(request: BuildRequest, emit: Emit, stdin: BinaryIO) -> BuildResult:
    """Build, and deliver where the request says so.

    Must be called from a process without other threads: the rootfs may enter namespaces.

    Raises:
        PybuildError: The build failed; no tag has been pushed.
    """
    _check(request)
    with _prepared(request, emit, stdin) as job:
        _check_platform(job, request.platform)
        _check_mounts(job)
        tools = job.tools
        tags = request.tags if request.push else ()
        with Delivery(tags, tools, keep_immutable=request.keep_immutable_tags) as delivery:
            if request.check_push:
                delivery.check()
            done = execute(job, request.jobs or _processors(), _pushed_early(job.plan, delivery))
            image = _image(request, job, done)
            outputs = Outputs(image, request.tags, tools)
            for output in request.outputs:
                outputs.write(output)
            if request.load_socket is not None:
                outputs.load(request.load_socket)
            delivery.finish(image)
        if not (request.push or request.outputs or request.load_socket):
            tools.progress.warn(
                "NoOutput",
                "the image is neither pushed nor exported: give --push, --load or --output",
            )
        return _result(request, image, done, tools.progress.now_s())


def dry_run(request: BuildRequest, emit: Emit, stdin: BinaryIO) -> str:
    """The plan as text: what would run, and what would come from the cache; nothing is run."""
    with _prepared(request, emit, stdin) as job:
        return render(job.plan, job.keys, job.cuts)


def _pushed_early(plan: Plan, delivery: Delivery) -> OnLayer:
    """Uploads the layers of the target and of the stages it is built on as they are made."""
    lineage = {plan.target}
    base = plan.stages[plan.target].base
    while isinstance(base, StageBase):
        lineage.add(base.index)
        base = plan.stages[base.index].base

    def on_layer(stage: int, layer: ChainLayer) -> None:
        if stage in lineage:
            delivery.begin(layer)

    return on_layer


def _check_platform(job: Job, platform: Platform) -> None:
    """Another platform's image can be put together, but nothing of it can be run."""
    host = Platform.host()
    if platform == host:
        return
    for stage, one in zip(job.plan.stages, job.cuts, strict=True):
        for step in stage.steps[one.reused :] if one.needed else ():
            if isinstance(step.action, RunAction):
                raise HostUnsupported(
                    f"a RUN for {platform} cannot run on this {host} machine, and emulation is "
                    "not used",
                    hint="build on a machine of that platform, or leave out --platform",
                    excerpt=job.excerpt(step),
                )


def _check_mounts(job: Job) -> None:
    """Refuse before anything runs what a RUN of the same stage would find a mount at."""
    for stage, one in zip(job.plan.stages, job.cuts, strict=True):
        remaining = stage.steps[one.reused :] if one.needed else ()
        if not any(isinstance(step.action, RunAction) for step in remaining):
            continue
        for step in remaining:
            path = _place_of(step.action)
            mount = job.tools.rootfs.blocked(path)
            if mount:
                raise HostUnsupported(
                    f"{path} cannot be the stage's own: {mount} belongs to this container",
                    hint="mount it elsewhere, or build where overlay works (pybuild doctor)",
                    excerpt=job.excerpt(step),
                )


def _place_of(action: Action) -> ImagePath:
    """Where a step is at work in the tree."""
    match action:
        case RunAction(workdir=path) | WorkdirAction(path=path):
            return ImagePath.parse(path)
        case CopyAction(destination=destination, workdir=workdir):
            return ImagePath.parse(workdir).join(destination)
        case _:
            assert_never(action)


def _processors() -> int:
    return len(os.sched_getaffinity(0))


@contextmanager
def _prepared(request: BuildRequest, emit: Emit, stdin: BinaryIO) -> Iterator[Job]:
    """From the request to the cut plan; leaving the block ends the starter and removes trees."""
    with ExitStack() as cleanup:
        # First of all: the starter must be there before any thread exists or credential is read.
        rootfs = cleanup.enter_context(
            closing(open_rootfs(request.rootfs, request.state_dir, emit))
        )
        progress = Progress(emit, time.monotonic)
        registry = RegistryClient(request.registries, _transport(request), emit)
        store = cleanup.enter_context(LayoutStore(request.state_dir / "blobs"))
        if request.state_max_bytes is not None:
            cleanup.callback(_trim, store, request.state_max_bytes, progress)
        cache = None
        if request.cache_from or request.cache_to:
            read = () if request.no_cache else request.cache_from
            cache = RegistryStepCache(registry, read, request.cache_to, store, emit)
        # No credential program is run later: then a RUN's tree may be where its files are.
        named = [tag.repository for tag in request.tags] if request.push else []
        registry.prepare_logins([*named, *request.cache_from, *request.cache_to])
        tools = Tools(rootfs, store, registry, cache, progress)
        context = _fetch(request, tools, stdin, cleanup)
        _hook(request, context, tools)
        yield _plan(request, context, tools)


def _transport(request: BuildRequest) -> Transport:
    """Its proxies go by scheme: ``http https no``."""
    proxies = {name.removesuffix("_proxy"): url for name, url in request.registries.proxies}
    return Transport(proxies)


def _check(request: BuildRequest) -> None:
    if request.push and not request.tags:
        raise UsageError("--push needs the name of the image", hint="give it with --tag")
    if request.rewrite_timestamp and request.source_date_epoch is None:
        raise UsageError(
            "--rewrite-timestamp needs a time to rewrite to",
            hint="set SOURCE_DATE_EPOCH, as in SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)",
        )


def _fetch(
    request: BuildRequest, tools: Tools, stdin: BinaryIO, cleanup: ExitStack
) -> FetchedContext:
    contexts = request.state_dir / "contexts"
    contexts.mkdir(parents=True, exist_ok=True)
    into = Path(tempfile.mkdtemp(dir=contexts))
    cleanup.callback(shutil.rmtree, into, ignore_errors=True)
    with tools.progress.vertex("[internal] load build context"):
        return source_for(request, stdin, emit=tools.progress.emit).fetch(into)


def _hook(request: BuildRequest, context: FetchedContext, tools: Tools) -> None:
    if not request.hook.script:
        return
    if request.dry_run:
        tools.progress.warn(
            "HookSkipped", "a dry run does not run the pre-build hook; what it makes is missing"
        )
        return
    with ExitStack() as cleanup:
        tree = None
        env = {"PATH": DEFAULT_PATH, "HOME": "/root", **dict(request.registries.proxies)}
        if request.hook.image:
            reference = Reference.parse(request.hook.image)
            with tools.progress.vertex(f"[pre-build] unpack {reference}"):
                image = tools.registry.resolve(reference, request.platform)
                live = LiveStage(
                    list(base_chain(ImageBase(image))), [], tools.rootfs.stage("pre-build")
                )
                cleanup.callback(live.tree.close)
                materialize(live, tools)
            tree = live.tree
            env |= dict(image.config.run.env)
        title = request.hook.script.strip().split("\n")[0]
        with tools.progress.vertex(f"[pre-build] {title}") as vertex:
            run_hook(request.hook, context, tools.rootfs, env, vertex.line, tree)


def _plan(request: BuildRequest, context: FetchedContext, tools: Tools) -> Job:
    with tools.progress.vertex("[internal] load build definition") as vertex:
        found = read_dockerfile(context, request.dockerfile, Path.cwd())
        vertex.line(f"transferring dockerfile: {found.name}")
        dockerfile = parse(found.text, file=found.name)
        target = target_stage(dockerfile, request.target)
        scope = global_scope(dockerfile, dict(request.build_args), request.platform, request.target)
        links = reachable(dockerfile, scope, target)
    resolved = _resolve(dockerfile, images(links), request, tools)
    plan = make_plan(dockerfile, scope, links, resolved)
    for warning in plan.warnings:
        tools.progress.emit(warning)
    compression = compression_for(request.image.compression, request.image.level)
    ignored = IgnoredPaths.parse(request.ignore_paths)
    inputs = Inputs(dockerfile, _times(request, context), compression, ignored)
    patterns = IgnorePatterns.parse(ignore_text(context.directory, found.path) or "")
    files = SourceFiles(scan(context.directory, patterns), context.directory)
    rewrite_to = inputs.times.rewrite_to
    digests = context_digests(plan, files, inputs)
    keys = stage_keys(plan, digests, rewrite_to=rewrite_to)
    hits = _look_up(keys, request, tools)
    return Job(plan, keys, hits, cut(plan, keys, hits), {"": files}, inputs, tools)


def _times(request: BuildRequest, context: FetchedContext) -> Times:
    epoch = request.source_date_epoch
    return Times(
        now=request.now_s if epoch is None else epoch,
        placed_limit=context.commit_time_s if epoch is None else epoch,
        rewrite_to=epoch if request.rewrite_timestamp else None,
    )


def _resolve(
    dockerfile: Dockerfile, uses: tuple[ImageUse, ...], request: BuildRequest, tools: Tools
) -> dict[Reference, ResolvedImage]:
    def resolve(use: ImageUse) -> ResolvedImage:
        with tools.progress.vertex(f"[internal] load metadata for {use.reference}"):
            try:
                return tools.registry.resolve(use.reference, request.platform)
            except PybuildError as error:
                error.excerpt = error.excerpt or dockerfile.excerpt(use.location)
                raise

    if not uses:
        return {}
    with ThreadPoolExecutor(min(len(uses), _RESOLVES), thread_name_prefix="resolve") as pool:
        found = pool.map(resolve, uses)
        return {use.reference: image for use, image in zip(uses, found, strict=True)}


def _look_up(keys: Keys, request: BuildRequest, tools: Tools) -> dict[Digest, CacheEntry]:
    if tools.cache is None:
        return {}
    oldest = "" if request.cache_ttl_s is None else rfc3339(request.now_s - request.cache_ttl_s)
    wanted = list(dict.fromkeys(key for stage in keys for key in stage))
    with tools.progress.vertex("[internal] look up steps in the cache") as vertex:
        found = tools.cache.look_up(wanted)
        hits = {key: entry for key, entry in found.items() if entry.created >= oldest}
        vertex.line(f"{len(hits)} of {len(wanted)} steps found")
        if len(hits) < len(found):
            vertex.line(f"{len(found) - len(hits)} of them are older than the cache's time to live")
    return hits


def _trim(store: LayoutStore, max_bytes: int, progress: Progress) -> None:
    trimmed = store.trim(max_bytes)
    progress.debug(f"store: {trimmed.blobs} blobs removed, {trimmed.left_bytes} bytes left")


def _image(request: BuildRequest, job: Job, done: Executed) -> BuiltImage:
    chain = done.chain
    if request.image.force:
        chain = tuple(_compressed(layer, job) for layer in chain)
    epoch = request.source_date_epoch
    own = done.created[job.plan.target]
    created = rfc3339(epoch) if epoch is not None else max(own, default=rfc3339(request.now_s))
    times: Mapping[int, list[str]] = {
        index: [created] * len(times) if epoch is not None else list(times)
        for index, times in done.created.items()
    }
    return assemble(
        job.plan,
        chain,
        times,
        platform=request.platform,
        labels=dict(request.labels),
        image_created=created,
        oci_media_types=request.image.oci_media_types,
    )


def _compressed(layer: ChainLayer, job: Job) -> ChainLayer:
    """The layer as ``force-compression=true`` wants it; one that is of that kind stays."""
    wanted = job.inputs.compression
    kind = oci_form(layer.descriptor.media_type)
    if kind == wanted.media_type:
        return layer
    with job.tools.progress.vertex(f"compressing {layer.descriptor.digest} as {wanted.name}"):
        descriptor, diff_id = recompress(layer_bytes(layer, job.tools), job.tools.store, wanted)
    return ChainLayer(descriptor, diff_id)


def _result(
    request: BuildRequest, image: BuiltImage, done: Executed, seconds: float
) -> BuildResult:
    return BuildResult(
        digest=image.descriptor.digest,
        image_id=image.manifest.config.digest,
        manifest=image.descriptor,
        size_bytes=sum(layer.size_bytes for layer in image.manifest.layers),
        layers=image.manifest.layers,
        steps=done.reports,
        tags=request.tags,
        pushed=request.tags if request.push else (),
        seconds=seconds,
    )
