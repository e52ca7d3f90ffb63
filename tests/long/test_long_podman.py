"""Builds under `podman run` and `podman kube play`: real Pods with Secrets and volumes, and the
rights that Kubernetes' runtimes give.

Podman is installed by `tests/tools/peers.sh` below `PYBUILD_TEST_PEERS`, a minute and 1.2 GB.
"""

import base64
import contextlib
import json
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from e2e import images, inside, projects
from e2e.access_log import AccessLog
from tools.services import daemon, machine, registries

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

PEERS = Path(os.environ.get("PYBUILD_TEST_PEERS", machine.cache() / "peers"))
CAPABILITIES = "00000000800405fb"

TEXT = """\
FROM {host}/library/debian:bookworm-slim AS first
RUN dpkg -s dpkg > /from-debian && install -d -o 33 -m 2755 /kept
FROM {host}/library/busybox:latest
COPY --from=first /from-debian /
COPY --from=first /kept /kept
RUN --mount=type=bind,target=/context cp /context/file /bound
RUN --mount=type=cache,target=/cache echo 1 > /cache/n && cp /cache/n /count
RUN grep CapEff /proc/self/status > /capabilities; ! mknod /node c 1 3; echo $? > /refused
RUN mkdir -p /workspace /var/run/secrets && echo own > /workspace/own && echo own > /tmp/own
USER 33
RUN id -u > /tmp/user
"""


PODMAN = (machine.ROOT / "tests/tools/peers.sh", PEERS, "podman")


def podman(*arguments, check=True):
    return subprocess.run(
        [*PODMAN, *arguments],
        check=check,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def loaded(image):
    """The action image in podman's own store."""
    subprocess.run([machine.ROOT / "tests/tools/peers.sh", PEERS, "install"], check=True)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        archive = Path(folder) / "image.tar"
        daemon.docker("save", "--output", archive, image)
        podman("load", "--quiet", "--input", archive)
    return f"localhost/{image}"


@pytest.fixture
def folder():
    """A folder below /tmp, which podman sees at the same path."""
    path = Path(tempfile.mkdtemp(prefix="pybuild-podman-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def context(folder):
    text = TEXT.replace("{host}", registries.OPEN.host)
    return projects.project(folder / "context", {"Dockerfile": text, "file": "context\n"})


@pytest.fixture
def reference():
    return f"{registries.PRIVATE.host}/podman/{secrets.token_hex(4)}:v1"


@pytest.fixture
def config():
    return AccessLog(registries.PRIVATE).config_json


def check(reference, config):
    def output(path):
        return images.output_of(reference, "cat", path, config=config)

    images.crane(config, "validate", "--remote", reference)
    assert output("/capabilities").split()[1] == CAPABILITIES
    assert output("/bound") == "context\n"
    assert output("/count") == "1\n"
    assert output("/refused") == "0\n"
    assert output("/workspace/own") == output("/tmp/own") == "own\n"
    assert output("/tmp/user") == "33\n"
    assert "Package: dpkg" in output("/from-debian")


@pytest.mark.parametrize("init", [[], ["--init"]], ids=["plain", "init"])
def test_podman_run_with_default_rights(loaded, context, reference, config, folder, init):
    login = shutil.copy(config, folder / "config.json")
    done = podman(
        "run", "--rm", "--network", "host", *init,
        "--volume", f"{context}:/workspace:ro",
        "--volume", f"{login}:/kaniko/.docker/config.json:ro",
        loaded, "build", "--push", "--tag", reference, "/workspace",
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    check(reference, config)


def pod(loaded, context, reference, config):
    """A Pod as Kaniko's users write it, and its Secret."""
    encoded = base64.b64encode(config.read_bytes()).decode()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "login"},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": encoded},
    }
    mounts = {
        "context": "/workspace",
        "login": "/kaniko/.docker",
        "temporary": "/tmp",
        "state": "/pybuild/state",
    }
    volumes = [
        {"name": "context", "hostPath": {"path": str(context), "type": "Directory"}},
        {
            "name": "login",
            "secret": {
                "secretName": "login",
                "items": [{"key": ".dockerconfigjson", "path": "config.json"}],
            },
        },
        {"name": "temporary", "emptyDir": {}},
        {"name": "state", "emptyDir": {}},
    ]
    container = {
        "name": "executor",
        "image": loaded,
        "imagePullPolicy": "Never",
        "args": [f"--destination={reference}", "--context=dir:///workspace"],
        "env": [{"name": "KUBERNETES_SERVICE_HOST", "value": "192.0.2.1"}],
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in mounts.items()],
    }
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": volumes}
    return [
        secret,
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "build"}, "spec": spec},
    ]


@contextlib.contextmanager
def played(folder, documents):
    """Play a Pod until it ends; gives its status and what it said."""
    file = folder / "pod.yaml"
    file.write_text("\n---\n".join(map(json.dumps, documents)))  # JSON is YAML
    podman("kube", "play", "--network", "host", file)
    try:
        status = podman("wait", "build-executor").stdout.strip()
        logs = podman("logs", "build-executor")
        yield status, logs.stdout + logs.stderr
    finally:
        podman("kube", "down", "--force", file)
        podman("secret", "rm", "login", check=False)


def test_a_pod_with_a_secret_and_volumes(loaded, context, reference, config, folder):
    with played(folder, pod(loaded, context, reference, config)) as (status, logs):
        assert status == "0", logs
    check(reference, config)


def test_a_failing_pod_says_why_and_pushes_nothing(loaded, reference, config, folder):
    text = f"FROM {registries.OPEN.host}/library/busybox:latest\nRUN exit 42\n"
    context = projects.project(folder / "context", {"Dockerfile": text})
    with played(folder, pod(loaded, context, reference, config)) as (status, logs):
        assert status == "42", logs
    assert "did not complete successfully: exit code: 42" in logs
    assert not images.has_tag(reference, config)


@pytest.mark.parametrize("tests", inside.TESTS)
def test_every_test_inside_passes_under_podman(loaded, folder, tests):
    inside.passes(loaded, folder / "inside", tests, start=PODMAN)
