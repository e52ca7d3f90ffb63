"""A private branch behind a token, and an artefact that the pre-build hook makes."""

import contextlib
import gzip
import threading
from pathlib import Path

import pytest

from e2e import images, projects

DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
COPY target/*.jar /app/
RUN ["/bin/busybox", "grep", "made", "/app/app.jar"]
CMD ["/bin/busybox", "cat", "/app/app.jar"]
"""
HOOK = "mkdir target\necho made by $(basename $(pwd)) > target/app.jar"


@contextlib.contextmanager
def watched_command_lines(secret):
    """Collects every process of the machine, containers included, whose argv holds a secret."""
    found, over = set(), threading.Event()

    def watch():
        while not over.is_set():
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    line = entry.read_bytes()
                    if secret.encode() in line:
                        found.add(line)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def unpacked(data):
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


@pytest.mark.parametrize("where", ["shell", "image"])
def test_the_hook_makes_what_the_dockerfile_copies_from_a_private_branch(
    where, run_image, git_http, private_registry, open_registry, repository, tmp_path
):
    project = projects.project(tmp_path / "project", {"Dockerfile": DOCKERFILE})
    projects.repository(project, git_http.root / "private.git", branch="feature/jar")
    destination = f"{private_registry.host}/{repository}:v1"
    image = ("--pre-build-image", "busybox") if where == "image" else ()

    with watched_command_lines(git_http.token) as leaks:
        done = run_image(
            [
                *("build", "--push", "--tag", destination, "--git-branch", "feature/jar"),
                *(
                    "--pre-build",
                    HOOK,
                    *image,
                    "--registry-mirror",
                    f"docker.io={open_registry.host}",
                ),
                f"http://127.0.0.1:{git_http.port}/private.git",
            ],
            mounts={
                Path("/var/run/docker.sock"): "/var/run/docker.sock",
                private_registry.config_json: "/kaniko/.docker/config.json:ro",
            },
            env={"PYBUILD_GIT_TOKEN": git_http.token},
        )

    assert done.returncode == 0, done.stderr
    config = private_registry.config_json
    assert images.output_of(destination, config=config).startswith("made by ")
    assert leaks == set()
    assert git_http.token not in done.stdout + done.stderr
    assert all(git_http.token not in request.target for request in git_http.requests)
    assert any(request.authorization for request in git_http.requests), "the token was sent"
    everything = tmp_path / "pushed"
    images.crane(config, "pull", "--format=oci", destination, str(everything))
    blobs = [unpacked(path.read_bytes()) for path in everything.rglob("*") if path.is_file()]
    assert any(b"made by" in data for data in blobs), "the layers' files are looked through"
    assert not [data for data in blobs if git_http.token.encode() in data]


def test_a_failing_hook_fails_the_build_with_its_own_status(
    run_image, open_registry, repository, tmp_path
):
    project = projects.project(tmp_path / "project", {"Dockerfile": DOCKERFILE})
    destination = f"{open_registry.host}/{repository}:v1"

    done = run_image(
        ["build", "--push", "--tag", destination, "--pre-build", "exit 41", "."],
        mounts={project: "/workspace"},
    )

    assert done.returncode == 41
    assert "the pre-build hook failed: exit code 41" in done.stderr
    assert not images.has_tag(destination)
