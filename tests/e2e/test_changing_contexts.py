"""A file of the context that becomes another one of the same size and time while the build is at
work goes neither into the image nor into the cache."""

import os
import subprocess
import sys

import pytest

from e2e import images, projects
from e2e.builds import Build, succeeded
from tools.services import registries

BEFORE, AFTER = "before\n", "AFTER!\n"
LINE = " is not what it was when the build read it first"

# Which step reads the file again, whose digest is in the keys.
STEPS = {
    "COPY": "COPY file /seen",
    "COPY of a directory": "COPY . /all/\nRUN cp /all/file /seen",
    "bind mount": "RUN --mount=type=bind,target=/context cat /context/file > /seen",
}
SEEN = ("cat", "/seen")


@pytest.fixture
def reference(open_registry, repository):
    return f"{open_registry.host}/{repository}:v1"


@pytest.fixture
def cached(open_registry, repository):
    """Options for a cache of this test's own."""
    cache = f"{open_registry.host}/{repository}-cache"
    return ["--cache-from", cache, "--cache-to", cache]


def refused(status, log, reference):
    assert status == 6, log
    lines = [line for line in log.splitlines() if line.startswith("ERROR: ")]
    assert len(lines) == 1, log
    assert LINE in lines[0]
    assert not images.has_tag(reference)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_run_in_place_that_writes_to_the_mounted_context(
    run_image, open_registry, tmp_path, reference, cached, step
):
    build = Build(run_image, open_registry, tmp_path / "project", reference)
    hostile = (
        f"f=/pybuild/own/workspace/file; touch -r $f /time;"
        f" printf '{AFTER}' > $f && touch -r /time $f; true"
    ).replace("\n", "\\n")
    text = f"FROM {{library}}/busybox:latest\nRUN {hostile}\n{step}\n"
    files = {"file": BEFORE}

    done = build(text, files=files, more=cached)

    assert (build.directory / "file").read_text() == AFTER  # the RUN did what it should
    refused(done.returncode, done.stderr, reference)

    # The same keys, and a mount that nobody can write to: a cache must give the file as it is.
    succeeded(build(text, files=files, more=cached, read_only=True))
    assert images.output_of(reference, *SEEN) == BEFORE


def replace(file):
    """Put another file of the same size, mode and times at a name."""
    status = file.stat()
    other = file.with_name("file.new")
    other.write_text(AFTER)
    other.chmod(status.st_mode & 0o777)
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.rename(file)


def on_the_host(project, state, reference, more):
    return subprocess.Popen(
        [
            *(sys.executable, "-I", "-m", "pybuild.cli.main", "build", "--rootfs", "overlay"),
            *("--registry-mirror", f"docker.io={registries.OPEN.host}", "--state-dir", state),
            *("--push", "--tag", reference, *more, project),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_file_that_is_replaced_during_a_run(tmp_path, reference, cached, step):
    text = f"FROM busybox\nRUN echo be''gun; sleep 1.5\n{step}\n"
    project = projects.project(tmp_path / "project", {"Dockerfile": text, "file": BEFORE})

    with on_the_host(project, tmp_path / "state", reference, cached) as build:
        begun = next(line for line in build.stderr if "begun" in line)
        replace(project / "file")
        log = begun + build.stderr.read()
    refused(build.returncode, log, reference)

    # The file as it was has the same keys as in the build that failed.
    (project / "file").write_text(BEFORE)
    with on_the_host(project, tmp_path / "state", reference, cached) as build:
        log = build.stderr.read()
    assert build.returncode == 0, log
    assert images.output_of(reference, *SEEN) == BEFORE
