"""Disks that are full, registries that fail, signals: one clear error each, or a build that ends
right."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from e2e import images, projects
from tools.docker_registry import docker_registry
from tools.faulty_proxy import FaultyProxy, Trouble
from tools.services import daemon, registries

PYBUILD = Path(sys.executable).with_name("pybuild")
QUICK_S = 5
TEXT = "FROM {host}/base:v1\nCOPY file /file\nRUN cp /file /copy && echo made > /made\n"
LARGE_BYTES = 20_000_000

BLOBS = r"^GET \S*/blobs/sha256:"


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A registry of these tests' own, with a base image."""
    with docker_registry(tmp_path_factory.mktemp("registry")) as started:
        base = f"{registries.OPEN.host}/library/busybox:latest"
        images.crane(None, "copy", base, f"{started.host}/base:v1")
        yield started


@pytest.fixture
def context(tmp_path):
    """A context with a file that does not compress."""

    def make(text, file_bytes=1000):
        project = projects.project(tmp_path / "project", {"Dockerfile": text})
        (project / "file").write_bytes(os.urandom(file_bytes))
        return project

    return make


@pytest.fixture
def build(run_image, registry, context, repository):
    """Build by way of a host; gives what came out."""

    def run(host, text=TEXT, file_bytes=1000, more=(), **options):
        destinations = [*more, "--tag", f"{host}/{repository}:v1"]
        arguments = ["build", "--push", *destinations, "/workspace"]
        project = context(text.replace("{host}", host), file_bytes)
        return run_image(arguments, mounts={project: "/workspace:ro"}, **options)

    run.reference = f"{registry.host}/{repository}:v1"
    return run


def failed(done, build, status, *words):
    """The exit code, one line with these words, no traceback, no tag."""
    assert done.returncode == status, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
    assert len(lines) == 1, done.stderr
    assert [word for word in words if word not in lines[0]] == [], lines[0]
    assert "Traceback" not in done.stderr + done.stdout
    assert not images.has_tag(build.reference)


def succeeded(done, build):
    """The image is whole and does what it should."""
    assert done.returncode == 0, done.stderr
    images.crane(None, "validate", "--remote", build.reference)
    assert images.output_of(build.reference, "cat", "/made") == "made\n"


def test_a_full_disk(build, registry):
    small = ["--tmpfs", "/pybuild/state:size=4m"]
    done = build(registry.host, file_bytes=LARGE_BYTES, options=small)
    failed(done, build, 9, "/pybuild/state", "No space left on device")


def test_a_registry_that_fails_now_and_then(build, registry):
    failures = [  # one request in three
        Trouble("", every=6, most=2, status=429, headers={"Retry-After": "1"}),
        Trouble("", every=5, most=2, status=500),
    ]
    with FaultyProxy(registry.host, failures) as proxy:
        done = build(proxy.host)
    succeeded(done, build)
    assert len(proxy.struck) > 3


def test_a_registry_that_fails_always(build, registry):
    with FaultyProxy(registry.host, [Trouble("^POST", status=500)]) as proxy:
        done = build(proxy.host)
    failed(done, build, 5, "500")


def test_a_line_that_is_cut_twice_while_a_layer_comes(build, registry):
    cut = Trouble(BLOBS, times=2, cut_after=200_000)
    with FaultyProxy(registry.host, [cut]) as proxy:
        done = build(proxy.host)
    succeeded(done, build)
    assert len(proxy.struck) == 2


def test_a_line_that_is_cut_always(build, registry):
    with FaultyProxy(registry.host, [Trouble(BLOBS, cut_after=100)]) as proxy:
        done = build(proxy.host)
    failed(done, build, 5, "sha256:")


MIDDLE = 500_000
CHANGES = {
    "first byte": (0,),
    "time in the header of gzip": (4,),
    "middle": (MIDDLE,),
    "length at the end of gzip": (-1,),
    "several": (1, MIDDLE, MIDDLE + 1, -9),
}


@pytest.mark.parametrize("offsets", CHANGES.values(), ids=CHANGES)
def test_a_layer_that_is_not_what_its_digest_says_is_not_kept(build, registry, tmp_path, offsets):
    (layer,) = images.layers_of(f"{registry.host}/base:v1")
    state = tmp_path / "state"
    state.mkdir()
    volume = ["--volume", f"{state}:/pybuild/state"]
    with FaultyProxy(registry.host, [Trouble(f"GET .*{layer}", changed=offsets)]) as proxy:
        done = build(proxy.host, options=volume)
    failed(done, build, 6, layer)
    assert proxy.struck
    hexadecimal = layer.removeprefix("sha256:")
    assert [path for path in state.rglob("*") if hexadecimal in path.name] == []

    succeeded(build(registry.host, options=volume), build)


def test_a_configuration_that_is_not_what_its_digest_says(build, registry):
    manifest = json.loads(images.crane(None, "manifest", f"{registry.host}/base:v1"))
    digest = manifest["config"]["digest"]
    with FaultyProxy(registry.host, [Trouble(f"GET .*{digest}", changed=(-2,))]) as proxy:
        done = build(proxy.host)
    failed(done, build, 6, digest)


@pytest.mark.parametrize("refused", ["^POST .*/blobs/uploads", "^PUT .*/manifests"])
def test_a_refused_push(build, registry, refused):
    with FaultyProxy(registry.host, [Trouble(refused, status=403)]) as proxy:
        done = build(proxy.host)
    failed(done, build, 5, proxy.host)


SECOND_REFUSES = {
    "an upload": Trouble("^POST .*/blobs/uploads", status=403),
    "a blob": Trouble("^P(UT|ATCH) .*/blobs/uploads", status=403),
    "a blob for lack of room": Trouble("^P(UT|ATCH) .*/blobs/uploads", status=507),
    "the manifest": Trouble("^PUT .*/manifests", status=400),
}


@pytest.mark.parametrize("trouble", SECOND_REFUSES.values(), ids=SECOND_REFUSES)
def test_a_second_destination_that_refuses_leaves_the_first_without_a_tag(
    build, registry, repository, trouble
):
    first = f"{registry.host}/{repository}-first:v1"
    with FaultyProxy(registry.host, [trouble]) as proxy:
        done = build(proxy.host, TEXT.replace("{host}", registry.host), more=["--tag", first])
    failed(done, build, 5, proxy.host)
    assert proxy.struck
    assert not images.has_tag(first)


class Started:
    """A build in a container of a known name, while it runs."""

    def __init__(self, pool, build, host, text, **options):
        self.name = f"pybuild-test-{secrets.token_hex(4)}"
        named = ["--name", self.name]
        self.done = pool.submit(build, host, text, options=named, **options)

    def wait_for(self, condition):
        deadline = time.monotonic() + 60
        while not condition():
            assert not self.done.done(), self.done.result().stderr
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def logs(self):
        """What it has said so far."""
        command = [daemon.DOCKER, "logs", self.name]
        return subprocess.run(command, check=False, capture_output=True, text=True).stderr

    def terminated(self):
        """Send SIGTERM; gives what came out, and after how many seconds."""
        began = time.monotonic()
        daemon.docker("kill", "--signal", "TERM", self.name)
        return self.done.result(timeout=60), time.monotonic() - began


@pytest.fixture
def start(build):
    with ThreadPoolExecutor(1) as pool:
        yield lambda *arguments, **options: Started(pool, build, *arguments, **options)


def test_sigterm_in_the_middle_of_a_run(start, build, registry):
    text = "FROM {host}/base:v1\nRUN trap '' TERM; echo be''gun; sleep 600\n"
    started = start(registry.host, text)
    started.wait_for(lambda: "begun" in started.logs())

    done, seconds = started.terminated()

    failed(done, build, 143)
    assert seconds < QUICK_S


def test_sigterm_in_the_middle_of_an_upload(start, build, registry):
    slow = Trouble("^(PUT|PATCH) .*/blobs/uploads", delay_s=0.5)
    with FaultyProxy(registry.host, [slow]) as proxy:
        started = start(proxy.host, TEXT, file_bytes=LARGE_BYTES)
        started.wait_for(lambda: proxy.struck)

        done, seconds = started.terminated()

    failed(done, build, 143)
    assert seconds < QUICK_S


def test_sigterm_as_soon_as_there_is_a_handler(image, registry, repository, context):
    """Process 1 gets no signal without a handler: there is one before the program is read."""
    reference = f"{registry.host}/{repository}:v1"
    project = context("FROM scratch\nCOPY file /file\n")
    options = ["--detach", "--network", "host", "--volume", f"{project}:/workspace:ro"]
    name = daemon.docker("run", *options, image, "build", "--push", "-t", reference, ".").strip()
    try:
        process = Path("/proc", daemon.docker("inspect", "-f", "{{.State.Pid}}", name).strip())
        deadline_s = time.monotonic() + 10
        while not handles(process, signal.SIGTERM):
            assert time.monotonic() < deadline_s
        os.kill(int(process.name), signal.SIGTERM)

        assert daemon.docker("wait", name).strip() == "143"
        assert not images.has_tag(reference)
    finally:
        daemon.docker("rm", "--force", name)


def handles(process, number):
    """Whether a process has a handler for a signal (proc_pid_status(5), SigCgt)."""
    lines = (process / "status").read_text().splitlines()
    mask = next(line.split()[1] for line in lines if line.startswith("SigCgt:"))
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.fixture
def on_the_host(registry, tmp_path, repository):
    """Start a build on this machine, all of them with one state directory."""

    def run(name, text):
        project = projects.project(tmp_path / name, {"Dockerfile": text, "file": name})
        run.reference = f"{registry.host}/{repository}-{name}:v1"
        state = ["--state-dir", tmp_path / "state"]
        return subprocess.Popen(
            [PYBUILD, "build", *state, "--push", "--tag", run.reference, project],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run


def processes_with(word):
    """The command lines on this machine in which a word stands."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_bytes()
        except OSError:
            continue
        if word.encode() in line:
            found.append(line)
    return found


def check_left_nothing(build, seconds, on_the_host, tmp_path):
    errors = build.stderr.read()
    assert build.wait(QUICK_S) == 143, errors
    assert "Traceback" not in errors
    assert processes_with(seconds) == []
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    assert not images.has_tag(on_the_host.reference)


def test_sigterm_on_a_host_leaves_no_process_and_no_mount(on_the_host, registry, tmp_path):
    seconds = str(600 + secrets.randbelow(10**9))
    run = f"(setsid sleep {seconds} &); echo be''gun; sleep 600"
    with on_the_host("one", f"FROM {registry.host}/base:v1\nRUN {run}\n") as build:
        assert any("begun" in line for line in build.stderr)
        build.send_signal(signal.SIGTERM)
        check_left_nothing(build, seconds, on_the_host, tmp_path)


def test_sigterm_on_a_host_between_two_runs(on_the_host, registry, tmp_path):
    seconds = str(600 + secrets.randbelow(10**9))
    text = f"FROM {registry.host}/base:v1\n" + "RUN true\n" * 30
    with on_the_host("one", text) as build:
        assert any("RUN true" in line for line in build.stderr)
        build.send_signal(signal.SIGTERM)
        check_left_nothing(build, seconds, on_the_host, tmp_path)


def test_two_builds_at_once_with_one_state_directory(on_the_host, registry):
    text = f"FROM {registry.host}/base:v1\nRUN sleep 1\nCOPY file /file\nRUN cp /file /made\n"
    builds = {}
    for name in ("one", "two"):
        process = on_the_host(name, text)
        builds[name] = (process, on_the_host.reference)

    for name, (process, reference) in builds.items():
        errors = process.communicate(timeout=100)[1]
        assert process.returncode == 0, errors
        images.crane(None, "validate", "--remote", reference)
        assert images.output_of(reference, "cat", "/made") == name
