"""A request and its context become a job: what is read, resolved, looked up, and left alone."""

import io
from pathlib import Path

import pytest

from pybuild.digest import sha256_of
from pybuild.engine.progress import Progress
from pybuild.engine.tools import Tools
from pybuild.errors import DockerfileError, RegistryError
from pybuild.events import BuildWarning, VertexStarted
from pybuild.oci.config import RunConfig
from pybuild.oci.platform import Platform
from pybuild.planning import plan_job
from pybuild.ports import CacheEntry, FetchedContext
from pybuild.request import BuildRequest, RunOptions, SshAgent
from tools.engine_bench import MemoryCache
from tools.planning import image_of

PLATFORM = Platform("linux", "amd64")
ARM = Platform("linux", "arm64")


class Images:
    """``ports.Registry`` that knows some images by their text."""

    def __init__(self, **configs):
        self.configs = {
            f"docker.io/library/{name}:latest": config for name, config in configs.items()
        }
        self.asked = []

    def resolve(self, reference, platform):
        self.asked.append((str(reference), platform))
        if str(reference) not in self.configs:
            raise RegistryError(f"image {reference} was not found")
        return image_of(reference, self.configs[str(reference)])


class Bench:
    def __init__(self, place):
        self.place = place
        self.context = place / "context"
        self.context.mkdir()
        (place / "scratch").mkdir()
        self.cache = MemoryCache()
        self.images = Images()
        self.events = []

    def plan(self, text, secrets=None, **options):
        (self.context / "Dockerfile").write_text(text)
        options = {"platform": PLATFORM, **options}
        request = BuildRequest(
            context=str(self.context), state_dir=self.place, now_s=1_700_000_000, **options
        )
        progress = Progress(self.events.append, lambda: 0.0)
        tools = Tools(None, None, self.images, self.cache, progress, scratch=self.place / "scratch")
        fetched = FetchedContext(self.context, owned=False)
        return plan_job(request, fetched, io.BytesIO(), tools, secrets or {})

    def warnings(self):
        return [event.message for event in self.events if isinstance(event, BuildWarning)]

    def titles(self):
        return [event.title for event in self.events if isinstance(event, VertexStarted)]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def remember(bench, job):
    for stage in job.keys:
        for key in stage:
            bench.cache.entries[key] = CacheEntry("", (), "2023-01-01T00:00:00Z")


TWO = "FROM scratch AS one\nRUN a\nFROM scratch\nRUN b\nCOPY --from=one /f /f\n"


@pytest.mark.parametrize(
    ("names", "hits"),
    [((), [1, 2]), (("one",), [0, 2]), (("ONE",), [0, 2]), (("0",), [0, 2]), (("1",), [1, 0])],
)
def test_steps_of_a_stage_that_must_run_are_not_looked_up(bench, names, hits):
    remember(bench, bench.plan(TWO))
    job = bench.plan(TWO, no_cache_stages=names)
    assert [sum(key in job.hits for key in stage) for stage in job.keys] == hits
    assert bench.warnings() == []


def test_a_stage_that_is_not_there_is_warned_of(bench):
    bench.plan(TWO, no_cache_stages=("two",))
    assert bench.warnings() == ["--no-cache-filter: there is no stage two"]


def test_what_surrounds_runs_goes_along(bench):
    run = RunOptions(network="none", ssh=(SshAgent("default", Path("/s")),))
    job = bench.plan("FROM scratch\nRUN a\n", {"x": b"y"}, run=run)
    assert job.plan.stages[0].steps[0].action.network == "none"
    assert job.inputs.ssh == {"default": Path("/s")}
    assert job.inputs.secrets == {"x": b"y"}


def test_the_network_is_part_of_the_key(bench):
    text = "FROM scratch\nRUN a\n"
    keys = {bench.plan(text, run=RunOptions(network=name)).keys for name in ("default", "none")}
    assert len(keys) == 2


def test_an_image_is_resolved_once_for_each_platform(bench):
    bench.images = Images(base=RunConfig())
    text = "FROM --platform=linux/arm64 base AS a\nFROM base AS b\nFROM base\n"
    text += "COPY --from=a /f /a\nCOPY --from=b /f /b\n"
    job = bench.plan(text)
    asked = [("docker.io/library/base:latest", platform) for platform in (PLATFORM, ARM)]
    assert sorted(bench.images.asked, key=str) == asked
    assert [stage.platform for stage in job.plan.stages] == [ARM, PLATFORM, PLATFORM]


def test_triggers_of_a_base_name_more_images_and_more_again(bench):
    bench.images = Images(
        first=RunConfig(on_build=("COPY --from=second /f /f",)),
        second=RunConfig(),
    )
    job = bench.plan("FROM first\n")
    assert [name for name, _ in bench.images.asked] == [
        "docker.io/library/first:latest",
        "docker.io/library/second:latest",
    ]
    assert len(job.plan.stages[job.plan.target].steps) == 1


def test_an_image_that_is_nearly_a_stage_is_pointed_out(bench):
    with pytest.raises(RegistryError, match="was not found") as caught:
        bench.plan("FROM scratch AS builder\nFROM scratch\nCOPY --from=bulder /f /f\n")
    assert caught.value.hint == "did you mean the stage builder?"
    assert ">>> COPY --from=bulder" in caught.value.excerpt


def test_a_context_that_no_step_reads_is_not_listed(bench):
    (bench.context / "unreadable").mkdir()
    assert bench.plan("FROM scratch\nRUN a\n").contexts == {}
    assert list(bench.plan("FROM scratch\nRUN --mount=target=/c a\n").contexts) == [""]


@pytest.mark.parametrize(
    "options",
    [{"foreign_syntax": True}, {"build_args": (("BUILDKIT_SYNTAX", "docker/dockerfile"),)}],
)
def test_another_syntax_is_an_error_unless_it_is_passed_over(bench, options):
    text = "# syntax=example/other\nFROM scratch\nRUN a\n"
    with pytest.raises(DockerfileError, match="frontend example/other is not supported"):
        bench.plan(text)
    bench.plan(text, **options)


def test_an_image_of_a_layout_is_found_without_a_registry(bench, tmp_path):
    digest = sha256_of(b"none")
    context = ("base", f"oci-layout://{tmp_path}/layout@{digest}")
    with pytest.raises(Exception, match=f"the OCI layout {tmp_path}/layout cannot be read"):
        bench.plan("FROM base\n", build_contexts=(context,))
    assert bench.images.asked == []
    assert f"[internal] load metadata for oci-layout://{tmp_path}/layout@{digest}" in bench.titles()


@pytest.mark.parametrize(
    ("epoch", "given", "value"),
    [(None, (), ""), (12, (), "12"), (12, (("SOURCE_DATE_EPOCH", "34"),), "34")],
)
def test_the_epoch_is_a_build_argument(bench, epoch, given, value):
    job = bench.plan(
        "FROM scratch\nARG SOURCE_DATE_EPOCH\nLABEL at=$SOURCE_DATE_EPOCH\n",
        source_date_epoch=epoch,
        build_args=given,
    )

    assert dict(job.plan.stages[0].run.labels) == {"at": value}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "FROM busybox\n",
            (
                'Base image busybox was pulled with platform "linux/amd64", expected "linux/arm64"'
                " for current build"
            ),
        ),
        (
            "FROM --platform=$TARGETPLATFORM busybox\n",
            "docker.io/library/busybox:latest is for linux/amd64, not for linux/arm64",
        ),
        (
            "FROM scratch\nCOPY --from=busybox / /\nCOPY --from=busybox / /\n",
            "docker.io/library/busybox:latest is for linux/amd64, not for linux/arm64",
        ),
    ],
)
def test_an_image_of_another_platform_is_warned_of_once(bench, text, said):
    bench.images = Images(busybox=RunConfig())

    bench.plan(text, platform=ARM)

    found = [
        event.message
        for event in bench.events
        if isinstance(event, BuildWarning) and event.code == "InvalidBaseImagePlatform"
    ]
    assert found == [said]


def test_checks_of_our_own_are_left_out_as_dockers_are(bench):
    text = "FROM scratch\nENV A=s3cr3t-value\n"
    options = {"build_args": (("UNUSED", "1"),), "secrets": {"token": b"s3cr3t-value"}}
    bench.plan(text, **options)
    codes = [event.code for event in bench.events if isinstance(event, BuildWarning)]
    assert codes == ["UnusedBuildArg", "SecretInImage"]

    bench.events.clear()
    bench.plan(f"# check=skip=UnusedBuildArg,SecretInImage\n{text}", **options)
    assert [event for event in bench.events if isinstance(event, BuildWarning)] == []
