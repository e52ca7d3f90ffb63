"""What goes wrong gives one clear line and its exit code, and no tag is pushed."""

import json
from pathlib import Path

import pytest

from e2e import images, projects

DOCKERFILE = (
    'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sh", "-c", "exit 42"]\n'
)
GOOD = "FROM scratch\nCOPY busybox /bin/busybox\n"
MISSING = "FROM {host}/no/such:base\n"


@pytest.fixture
def build(run_image, private_registry, tmp_path, repository):
    """Build a Dockerfile's text by either command line; gives what came out and the reference."""
    reference = f"{private_registry.host}/{repository}:v1"

    def run(front_end, text, *, context=None, config=None):
        project = projects.project(tmp_path / "project", {"Dockerfile": text})
        flags = {
            "build": ["build", "--push", "--tag", reference, context or "/workspace"],
            "executor": ["--destination", reference, "--context", context or "/workspace"],
        }
        return run_image(
            flags[front_end],
            mounts={
                project: "/workspace",
                config or private_registry.config_json: "/kaniko/.docker/config.json:ro",
                Path("/var/run/docker.sock"): "/var/run/docker.sock",
            },
        )

    run.reference = reference
    return run


def check(done, build, registry, status, line):
    """The exit code, one line that says why, no traceback, no tag."""
    assert done.returncode == status, done.stderr
    lines = [one for one in done.stderr.splitlines() if line in one and not one.startswith("#")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not images.has_tag(build.reference, registry.config_json)


@pytest.mark.parametrize("front_end", ["build", "executor"])
def test_a_failing_run_gives_its_own_status(build, front_end, private_registry):
    done = build(front_end, DOCKERFILE)
    check(done, build, private_registry, 42, "did not complete successfully: exit code: 42")
    assert ">>>" in done.stderr


@pytest.mark.parametrize(("front_end", "status"), [("build", 5), ("executor", 1)])
def test_a_wrong_password(build, front_end, status, private_registry, tmp_path):
    config = tmp_path / "wrong" / "config.json"
    config.parent.mkdir()
    login = {"username": private_registry.user, "password": "mistaken-secret"}
    config.write_text(json.dumps({"auths": {private_registry.host: login}}))

    done = build(front_end, GOOD, config=config)

    check(done, build, private_registry, status, "wrong user name or password")
    assert "mistaken-secret" not in done.stderr + done.stdout


@pytest.mark.parametrize(("front_end", "status"), [("build", 5), ("executor", 1)])
def test_a_missing_base(build, front_end, status, private_registry):
    done = build(front_end, MISSING.format(host=private_registry.host))
    check(done, build, private_registry, status, "no/such:base was not found")


@pytest.mark.parametrize(("front_end", "status"), [("build", 8), ("executor", 1)])
def test_an_unreachable_git_host(build, front_end, status, private_registry):
    done = build(front_end, GOOD, context="https://127.0.0.1:9/team/app.git")
    check(done, build, private_registry, status, "https://127.0.0.1:9/team/app.git")


@pytest.mark.parametrize(("front_end", "status"), [("build", 2), ("executor", 1)])
def test_an_unknown_flag(run_image, front_end, status):
    arguments = ["build", "--taget", "x", "."] if front_end == "build" else ["--taget", "x"]
    done = run_image(arguments)
    assert done.returncode == status
    assert "--taget" in done.stderr
    assert "--target" in done.stderr
    assert "Traceback" not in done.stderr
