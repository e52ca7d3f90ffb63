"""BuildRequest → BuildResult: the one place that wires adapters into the engine."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from pybuild.cache.registry import RegistryStepCache
from pybuild.context.dockerfile import read_dockerfile
from pybuild.context.dockerignore import ignore_text, scan
from pybuild.context.source import source_for
from pybuild.digest import Digest
from pybuild.dockerfile.ignore import IgnorePatterns
from pybuild.dockerfile.instructions import Dockerfile
from pybuild.dockerfile.parser import parse
from pybuild.engine import deliver
from pybuild.engine.context import SourceFiles
from pybuild.engine.engine import Executed, context_digests, execute
from pybuild.engine.image import BuiltImage, assemble
from pybuild.engine.job import Job, Keys
from pybuild.engine.live import LiveStage, materialize
from pybuild.engine.progress import Progress
from pybuild.engine.times import rfc3339
from pybuild.engine.tools import Inputs, Times, Tools
from pybuild.errors import PybuildError, UsageError
from pybuild.events import Emit
from pybuild.graph.cut import base_chain, cut
from pybuild.graph.keys import stage_keys
from pybuild.graph.plan import ImageBase
from pybuild.graph.planner import make_plan
from pybuild.graph.render import render
from pybuild.graph.scope import global_scope
from pybuild.graph.stages import ImageUse, images, reachable, target_stage
from pybuild.hook import run_hook
from pybuild.http import Transport
from pybuild.oci.config import DEFAULT_PATH
from pybuild.oci.manifest import Descriptor
from pybuild.oci.reference import Reference
from pybuild.ports import CacheEntry, FetchedContext, ResolvedImage
from pybuild.registry.client import RegistryClient
from pybuild.request import BuildRequest, BuildResult, Output
from pybuild.rootfs.open import open_rootfs
from pybuild.store.blobs import LayoutStore
from pybuild.store.export import ExportImage, export_docker, export_oci

_RESOLVES = 8  # images asked for at once


def build(request: BuildRequest, emit: Emit, stdin: BinaryIO) -> BuildResult:
    """Build, and deliver where the request says so.

    Must be called from a process without other threads: the rootfs may enter namespaces.

    Raises:
        PybuildError: The build failed; no tag has been pushed.
    """
    _check(request)
    with _prepared(request, emit, stdin) as job:
        done = execute(job)
        image = _image(request, job, done)
        for output in request.outputs:
            with job.tools.progress.vertex(f"exporting to {output.kind} {output.destination}"):
                _export(image, output, request.tags, job.tools)
        if request.push:
            deliver.push(image, request.tags, job.tools)
        elif not request.outputs:
            job.tools.progress.warn(
                "NoOutput", "the image is neither pushed nor exported: give --push or --output"
            )
        return _result(request, image, done, job.tools.progress.now_s())


def dry_run(request: BuildRequest, emit: Emit, stdin: BinaryIO) -> str:
    """The plan as text: what would run, and what would come from the cache; nothing is run."""
    with _prepared(request, emit, stdin) as job:
        return render(job.plan, job.keys, job.cuts)


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
        store = LayoutStore(request.state_dir / "blobs")
        cache = None
        if request.cache_from or request.cache_to:
            read = () if request.no_cache else request.cache_from
            cache = RegistryStepCache(registry, read, request.cache_to, store, emit)
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
    inputs = Inputs(dockerfile, _times(request, context))
    patterns = IgnorePatterns.parse(ignore_text(context.directory, found.path) or "")
    files = SourceFiles(scan(context.directory, patterns), context.directory)
    rewrite_to = inputs.times.rewrite_to
    digests = context_digests(plan, files, inputs)
    keys = stage_keys(plan, request.platform, digests, rewrite_to=rewrite_to)
    hits = _look_up(keys, tools)
    return Job(plan, keys, hits, cut(plan, keys, hits), files, inputs, tools)


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


def _look_up(keys: Keys, tools: Tools) -> dict[Digest, CacheEntry]:
    if tools.cache is None:
        return {}
    wanted = list(dict.fromkeys(key for stage in keys for key in stage))
    with tools.progress.vertex("[internal] look up steps in the cache") as vertex:
        hits = tools.cache.look_up(wanted)
        vertex.line(f"{len(hits)} of {len(wanted)} steps found")
    return hits


def _image(request: BuildRequest, job: Job, done: Executed) -> BuiltImage:
    epoch = request.source_date_epoch
    own = done.created[job.plan.target]
    created = rfc3339(epoch) if epoch is not None else max(own, default=rfc3339(request.now_s))
    times: Mapping[int, list[str]] = {
        index: [created] * len(times) if epoch is not None else list(times)
        for index, times in done.created.items()
    }
    return assemble(
        job.plan,
        done.chain,
        times,
        platform=request.platform,
        labels=dict(request.labels),
        image_created=created,
    )


def _export(image: BuiltImage, output: Output, tags: tuple[Reference, ...], tools: Tools) -> None:
    layers = {layer.descriptor.digest: layer for layer in image.layers}

    def pieces(descriptor: Descriptor) -> Iterator[bytes]:
        return deliver.layer_bytes(layers[descriptor.digest], tools)

    exported = ExportImage(
        image.descriptor,
        image.manifest.to_bytes(),
        image.manifest.config,
        image.config,
        image.manifest.layers,
    )
    if output.kind == "docker":
        export_docker(exported, output.destination, tags=tags, open_blob=pieces)
    else:
        export_oci(exported, output.destination, tar=output.tar, tags=tags, open_blob=pieces)


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
