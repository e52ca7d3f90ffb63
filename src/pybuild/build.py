"""BuildRequest → BuildResult: the one place that wires adapters into the engine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import BinaryIO

from pybuild.engine.deliver import Delivery, layer_bytes
from pybuild.engine.engine import Executed, execute
from pybuild.engine.image import BuiltImage, assemble, oci_form
from pybuild.engine.job import Job
from pybuild.engine.refusals import refuse
from pybuild.engine.stage import OnLayer
from pybuild.engine.times import rfc3339
from pybuild.errors import UsageError
from pybuild.events import Emit
from pybuild.graph.plan import Plan, StageBase
from pybuild.graph.render import render
from pybuild.layers.recompress import recompress
from pybuild.oci.platform import Platform
from pybuild.outputs import Outputs
from pybuild.ports import ChainLayer, Rootfs
from pybuild.prepare import prepared
from pybuild.request import BuildRequest, BuildResult


def build(
    request: BuildRequest, emit: Emit, stdin: BinaryIO, stdout: BinaryIO | None = None
) -> BuildResult:
    """Build, and deliver where the request says so.

    Must be called from a process without other threads: the rootfs may enter namespaces.

    Args:
        request: What is built.
        emit: Gets events.
        stdin: For a context or a Dockerfile on standard input.
        stdout: Gets the output without a destination; None where standard output is taken.

    Raises:
        PybuildError: The build failed; no tag has been pushed.
    """
    _check(request)
    with prepared(request, emit, stdin) as job:
        refuse(job, Platform.host())
        tools = job.tools
        tags = request.tags if request.push else ()
        with Delivery(tags, tools, keep_immutable=request.keep_immutable_tags) as delivery:
            if request.check_push:
                delivery.check()
            done = execute(job, request.jobs or _processors(), _pushed_early(job.plan, delivery))
            with _closing(tools.rootfs):
                image = _image(request, job, done)
                outputs = Outputs(image, request.tags, tools, stdout)
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
    with prepared(request, emit, stdin) as job:
        return render(job.plan, job.keys, job.cuts)


@contextmanager
def _closing(rootfs: Rootfs) -> Iterator[None]:
    """Delete the trees while the image is delivered: nothing runs any more, and it takes its time.

    Not earlier: to delete while other stages create files makes both slow.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="close") as closer:
        closed = closer.submit(rootfs.close)
        yield
    closed.result()


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


def _processors() -> int:
    return len(os.sched_getaffinity(0))


def _check(request: BuildRequest) -> None:
    if request.push and not request.tags:
        raise UsageError("--push needs the name of the image", hint="give it with --tag")
    if request.rewrite_timestamp and request.source_date_epoch is None:
        raise UsageError(
            "--rewrite-timestamp needs a time to rewrite to",
            hint="set SOURCE_DATE_EPOCH, as in SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)",
        )
    if request.annotations and not request.image.oci_media_types:
        raise UsageError(
            "Docker's media types have no annotations", hint="leave out oci-mediatypes=false"
        )


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
        platform=job.plan.stages[job.plan.target].platform,
        labels=dict(request.labels),
        image_created=created,
        oci_media_types=request.image.oci_media_types,
        annotations=_annotations(request, "manifest"),
        descriptor_annotations=_annotations(request, "manifest-descriptor"),
    )


def _annotations(request: BuildRequest, level: str) -> dict[str, str]:
    return {one.key: one.value for one in request.annotations if one.level == level}


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
