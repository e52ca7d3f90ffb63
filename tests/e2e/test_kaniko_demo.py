"""The demo that every Kaniko tutorial shows: a Go service from git, built in a plain container."""

import contextlib
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from e2e import images, projects
from tools.git_server import GitServer
from tools.services import daemon

GOLANG = "library/golang:1-alpine"


@pytest.fixture
def git_host(tmp_path):
    """A git host without a password, as in the tutorials."""
    root = tmp_path / "git"
    root.mkdir()
    with GitServer(root) as server:
        yield server


@pytest.fixture
def registry(private_registry, open_registry):
    """One registry with a password that mirrors the base image and takes the result."""
    images.crane(
        private_registry.config_json,
        "copy",
        f"{open_registry.host}/{GOLANG}",
        f"{private_registry.host}/{GOLANG}",
    )
    return private_registry


@contextlib.contextmanager
def running(reference, config, *arguments):
    """A container of the image on the host's network, stopped at the end."""
    docker = [daemon.DOCKER, "--config", str(config.parent)]
    subprocess.run([*docker, "pull", "--quiet", reference], check=True, capture_output=True)
    started = subprocess.run(
        [*docker, "run", "--rm", "--detach", "--network", "host", reference, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    try:
        yield
    finally:
        name = started.stdout.strip()
        subprocess.run([*docker, "kill", name], check=True, capture_output=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answer(port):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"X-Demo": "seen"})
    for _ in range(100):
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return response.read().decode()
        except urllib.error.URLError:
            time.sleep(0.1)
    raise AssertionError(f"nothing answers on port {port}")


def steps_run(log):
    """Titles of the steps that ran: those with output or a duration, not CACHED."""
    titles, cached = {}, set()
    for line in log.splitlines():
        number, _, text = line.partition(" ")
        if text.startswith("[") and "[internal]" not in text and "unpack" not in text:
            titles.setdefault(number, text)
        if text == "CACHED":
            cached.add(number)
    return [title for number, title in titles.items() if number not in cached]


def test_whoami_is_built_from_git_pushed_run_and_built_again_from_the_cache(
    run_image, registry, git_host, repository, tmp_path
):
    project = projects.whoami(tmp_path / "project")
    projects.repository(project, git_host.root / "whoami")
    destination = f"{registry.host}/{repository}/whoami"
    options = {
        "mounts": {registry.config_json: "/kaniko/.docker/config.json"},
        "env": {"GIT_PULL_METHOD": "http"},
    }

    def build(tag, *flags):
        return run_image(
            [
                *("--context", f"git://127.0.0.1:{git_host.port}/whoami"),
                *("--dockerfile", "Dockerfile", "--destination", f"{destination}:{tag}"),
                *("--registry-mirror", registry.host, "--insecure", "--insecure-pull", *flags),
            ],
            **options,
        )

    # The tutorial's line.
    done = build("v1")
    assert done.returncode == 0, done.stderr
    config = images.config_of(f"{destination}:v1", registry.config_json)["config"]
    assert config["Entrypoint"] == ["/whoami"]
    assert list(config["ExposedPorts"]) == ["80/tcp"]
    port = free_port()
    with running(f"{destination}:v1", registry.config_json, "-port", str(port)):
        text = answer(port)
    assert f"Hostname: {socket.gethostname()}" in text
    assert "X-Demo: seen" in text

    # With the cache: filled once, then nothing runs and no layer moves.
    filled = build("v2", "--cache=true")
    assert filled.returncode == 0, filled.stderr
    mark = registry.mark()
    again = build("v3", "--cache=true")
    assert again.returncode == 0, again.stderr
    assert steps_run(again.stderr) == []
    layers = set(images.layers_of(f"{destination}:v3", registry.config_json))
    assert layers == set(images.layers_of(f"{destination}:v2", registry.config_json))
    requests = registry.since(mark)
    fetched = [one.target for one in requests if one.method == "GET" and "/blobs/" in one.target]
    assert not [target for target in fetched if target.rpartition("/")[2] in layers]
    assert all("library/golang" in target for target in fetched), "only the base's configuration"
    uploads = [one for one in requests if "/blobs/uploads/" in one.target]
    # The one upload that is begun only asks whether the repository may be written.
    assert [one.method for one in uploads] == ["POST", "DELETE"]

    # One source file changed: the steps before its COPY do not run.
    main = project / "main.go"
    main.write_text(main.read_text().replace("Hostname:", "Host-Name:"))
    projects.repository(project, git_host.root / "whoami")
    changed = build("v4", "--cache=true")
    assert changed.returncode == 0, changed.stderr
    ran = [title.split("] ", 1)[1] for title in steps_run(changed.stderr)]
    assert ran[:2] == ["COPY . .", "RUN make build"]
    assert all(title.startswith("COPY --from=builder") for title in ran[2:])
    with running(f"{destination}:v4", registry.config_json, "-port", str(port)):
        assert "Host-Name: " in answer(port)
