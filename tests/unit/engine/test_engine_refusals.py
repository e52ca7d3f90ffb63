"""What cannot be run is refused before anything runs, with its lines."""

from dataclasses import replace
from pathlib import Path

import pytest

from pybuild.engine.refusals import refuse
from pybuild.errors import DockerfileError, HostUnsupported, UsageError
from pybuild.graph.plan import (
    BindMount,
    CacheMount,
    FromContext,
    SecretMount,
    SshMount,
    TemporaryMount,
)
from pybuild.oci.platform import Platform
from pybuild.ports import Access, EmptyMount, HostMount
from tools.engine_bench import Bench
from tools.planning import PLATFORM

ONE = "FROM scratch\nRUN run\n"
ARM = Platform("linux", "arm64")


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def job_of(bench, *mounts, text=ONE, **more):
    return bench.job(text, mounts={"run": mounts}, **more)


@pytest.mark.parametrize(
    ("mount", "message", "hint"),
    [
        (
            SecretMount("token", "/t", required=True),
            "secret token: not found",
            "give it: --secret id=token,src=FILE",
        ),
        (
            SshMount("default", "/a", required=True),
            "ssh agent default: not found",
            "give its socket: --ssh default=SOCKET",
        ),
    ],
)
def test_what_a_run_requires_and_nobody_gave_is_named_with_its_flag(bench, mount, message, hint):
    with pytest.raises(UsageError) as caught:
        refuse(job_of(bench, mount), PLATFORM)
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert ">>> RUN run" in caught.value.excerpt


def test_what_is_given_or_optional_is_not_refused(bench):
    mounts = (
        SecretMount("token", "/t", required=True),
        SecretMount("other", "/o", "OTHER"),
        SshMount("default", "/a", required=True),
        SshMount("other", "/b"),
    )
    given = {"secrets": {"token": b"x"}, "ssh": {"default": Path("/s")}}
    refuse(job_of(bench, *mounts, **given), PLATFORM)


def test_what_is_reused_requires_nothing(bench):
    mount = SecretMount("token", "/t", required=True)
    bench.build(ONE, {"run": lambda _root: None}, mounts={"run": [mount]}, secrets={"token": b"x"})
    refuse(job_of(bench, mount), PLATFORM)


def test_a_stage_that_nobody_needs_requires_nothing(bench):
    text = "FROM scratch AS build\nRUN run\nFROM scratch\nCOPY --from=build /f /f\n"
    mounts = {"run": [SecretMount("token", "/t", required=True)]}

    def make(root):
        (root / "f").write_text("")

    bench.build(text, {"run": make}, mounts=mounts, secrets={"token": b"x"})
    job = bench.job(text, mounts=mounts)
    bench.cache.entries = {key: bench.cache.entries[key] for key in job.keys[1]}
    refuse(bench.job(text, mounts=mounts), PLATFORM)


def test_a_secret_with_a_nul_is_no_variable(bench):
    job = job_of(bench, SecretMount("token", "", "TOKEN"), secrets={"token": b"a\0b"})
    with pytest.raises(DockerfileError, match="secret token holds a NUL byte, so TOKEN"):
        refuse(job, PLATFORM)
    refuse(job_of(bench, SecretMount("token", "/t"), secrets={"token": b"a\0b"}), PLATFORM)


def test_the_rootfs_is_asked_with_everything_but_the_sources(bench):
    job = job_of(
        bench, BindMount(FromContext(), "/", "/b"), CacheMount("c", "/c"), TemporaryMount("/t", 9)
    )
    asked = []

    def refusal(process):
        asked.append(process)
        return "no mounts today"

    bench.rootfs.refusal = refusal
    with pytest.raises(HostUnsupported) as caught:
        refuse(job, PLATFORM)
    assert caught.value.message == "[2/2] RUN run cannot run here: no mounts today"
    assert ">>> RUN run" in caught.value.excerpt
    assert asked[0].mounts == (
        HostMount(Path("/"), "/b", Access.READ_ONLY),
        HostMount(Path("/"), "/c", Access.KEPT),
        EmptyMount("/t", 9),
    )
    assert bench.rootfs.ran == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("FROM scratch\nRUN run\n", "/data/cache"),
        ("FROM scratch\nWORKDIR /data/w\nRUN other\n", "/data/w"),
        ("FROM scratch\nCOPY f /data/\nRUN other\n", "/data"),
    ],
)
def test_a_place_at_a_mount_of_this_machine_is_refused(bench, text, path):
    (bench.context / "f").write_text("")
    job = job_of(bench, TemporaryMount("/data/cache"), text=text)
    bench.rootfs.blocked = lambda asked: "/data" if str(asked).startswith("/data") else ""
    with pytest.raises(HostUnsupported) as caught:
        refuse(job, PLATFORM)
    assert caught.value.message == (
        f"{path} cannot be the stage's own: /data belongs to this container"
    )


def test_a_stage_of_another_platform_may_be_put_together_but_not_run(bench):
    (bench.context / "f").write_text("")
    text = "FROM scratch AS build\nRUN run\nFROM scratch\nCOPY --from=build / /\nCOPY f /f\n"
    job = bench.job(text)
    build, target = job.plan.stages
    arm = replace(job, plan=replace(job.plan, stages=(build, replace(target, platform=ARM))))
    refuse(arm, PLATFORM)

    arm = replace(job, plan=replace(job.plan, stages=(replace(build, platform=ARM), target)))
    with pytest.raises(HostUnsupported, match="a RUN for linux/arm64 cannot run on this") as caught:
        refuse(arm, PLATFORM)
    assert ">>> RUN run" in caught.value.excerpt
