"""BuildRequest → a job that can run: opens every adapter, fetches the context, runs the hook."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from pybuild.archive.disk import disk_errors
from pybuild.build_contexts import new_directory
from pybuild.cache.open import open_cache
from pybuild.context.remotes import RemoteSources
from pybuild.context.source import source_for
from pybuild.engine.job import Job
from pybuild.engine.live import LiveStage, materialize
from pybuild.engine.progress import Progress
from pybuild.engine.tools import Tools
from pybuild.events import Emit
from pybuild.graph.cut import base_chain
from pybuild.graph.plan import ImageBase
from pybuild.hook import run_hook
from pybuild.http import Transport
from pybuild.oci.config import DEFAULT_PATH
from pybuild.oci.reference import Reference, Repository
from pybuild.planning import plan_job
from pybuild.ports import FetchedContext, Rootfs
from pybuild.registry.client import RegistryClient
from pybuild.request import BuildRequest
from pybuild.rootfs.open import open_rootfs
from pybuild.store.blobs import LayoutStore
from pybuild.store.cache_mounts import DirectoryCaches
from pybuild.store.claims import claim_directory, sweep
from pybuild.store.state_directory import require_writable
from pybuild.surroundings import agents, masking, read_secrets

_SCRATCH = "build-"


@contextmanager
def prepared(request: BuildRequest, emit: Emit, stdin: BinaryIO) -> Iterator[Job]:
    """From the request to the cut plan; leaving the block ends the starter and removes trees.

    Must be entered in a process without other threads: the rootfs may enter namespaces.
    """
    require_writable(request.state_dir)
    with ExitStack() as cleanup:
        # First of all: the starter must be there before any thread exists or credential is read.
        rootfs = cleanup.enter_context(
            closing(open_rootfs(request.rootfs, request.state_dir, emit))
        )
        secrets = read_secrets(request.run.secrets)
        tools = _tools(request, rootfs, secrets, masking(emit, secrets), cleanup)
        context = _fetch(request, tools, stdin, secrets)
        _hook(request, context, tools)
        yield plan_job(request, context, stdin, tools, secrets)


def _tools(
    request: BuildRequest,
    rootfs: Rootfs,
    secrets: Mapping[str, bytes],
    emit: Emit,
    cleanup: ExitStack,
) -> Tools:
    """Open every other adapter; what must be closed goes into cleanup."""
    progress = Progress(emit, time.monotonic)
    connections = transport(request)
    registry = RegistryClient(request.registries, connections, emit)
    store = cleanup.enter_context(LayoutStore(request.state_dir / "blobs"))
    if request.state_max_bytes is not None:
        cleanup.callback(_trim, store, request.state_max_bytes, progress)
    cache = open_cache(
        () if request.no_cache else request.cache_from,
        request.cache_to,
        registry=registry,
        store=store,
        open_layout=lambda directory: cleanup.enter_context(LayoutStore(directory)),
        emit=emit,
    )
    cleanup.callback(cache.carry_over)
    # No credential program is run later: then a RUN's tree may be where its files are.
    registry.prepare_logins(_repositories(request))
    scratch = _scratch(request.state_dir / "contexts", cleanup)
    remotes = RemoteSources(
        scratch,
        cache.store,
        connections,
        records=request.state_dir / "remotes",
        secrets=secrets,
        agents=agents(request),
        emit=emit,
    )
    caches = DirectoryCaches(request.state_dir / "caches")
    return Tools(rootfs, cache.store, registry, cache.steps, progress, remotes, caches, scratch)


def _repositories(request: BuildRequest) -> list[Repository]:
    """Every repository that is written, or that has cached steps."""
    named = [tag.repository for tag in request.tags] if request.push else []
    caches = (*request.cache_from, *request.cache_to)
    return [*named, *(place for place in caches if isinstance(place, Repository))]


def transport(request: BuildRequest) -> Transport:
    """Its proxies go by scheme: ``http https no``."""
    proxies = {name.removesuffix("_proxy"): url for name, url in request.registries.proxies}
    return Transport(proxies)


def _scratch(parent: Path, cleanup: ExitStack) -> Path:
    """A directory for what this build fetches and copies; those of killed builds are removed."""
    with disk_errors(f"cannot make a directory in {parent}"):
        parent.mkdir(parents=True, exist_ok=True)
        sweep(parent, _SCRATCH)
        claim = claim_directory(parent, _SCRATCH)
        cleanup.callback(os.close, claim.fd)
        cleanup.callback(shutil.rmtree, claim.path, ignore_errors=True)
    return claim.path


def _fetch(
    request: BuildRequest, tools: Tools, stdin: BinaryIO, secrets: Mapping[str, bytes]
) -> FetchedContext:
    into = new_directory(tools)
    with tools.progress.vertex("[internal] load build context"):
        source = source_for(request, stdin, emit=tools.progress.emit, secrets=secrets)
        return source.fetch(into)


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


def _trim(store: LayoutStore, max_bytes: int, progress: Progress) -> None:
    trimmed = store.trim(max_bytes)
    progress.debug(f"store: {trimmed.blobs} blobs removed, {trimmed.left_bytes} bytes left")
