"""What the end-to-end tests share: the action image in plain containers, registries, a git host
and an S3 server."""

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from e2e.access_log import AccessLog
from tools import self_build
from tools.git_server import GitServer
from tools.self_build import SelfBuilt
from tools.services import __main__ as services
from tools.services import action_image, daemon, registries

RunImage = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session", autouse=True)
def machine_ready() -> None:
    """Everything the tests need is set up; quick where it is."""
    services.main([])


@pytest.fixture(scope="session")
def image() -> str:
    """The name of the action image, built from this checkout, in the daemon."""
    return action_image.NAME


@pytest.fixture(scope="session")
def self_built(tmp_path_factory) -> Iterator[SelfBuilt]:
    """The action image as the action image built it, pushed and pulled."""
    with self_build.build(tmp_path_factory.mktemp("self-build")) as built:
        yield built


@pytest.fixture
def open_registry() -> AccessLog:
    """A registry for everybody, with the base images under ``library/``."""
    return AccessLog(registries.OPEN)


@pytest.fixture
def private_registry() -> AccessLog:
    """A registry that wants a password: ``user``, ``password``, or the file ``config_json``."""
    return AccessLog(registries.PRIVATE)


@pytest.fixture
def repository(request) -> str:
    """A name in a registry that no other test and no earlier run has used."""
    name = request.node.originalname.removeprefix("test_").replace("_", "-")
    return f"e2e/{name[:60]}-{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def run_image(image) -> RunImage:
    """Run the action image as a CI runner does: a plain container with default rights.

    ``built`` names another image to run. ``mounts`` maps paths of this machine to ``TARGET`` or
    ``TARGET:ro``. The other arguments are ``docker run``'s.
    """

    def run(
        arguments: Sequence[str] = (),
        *,
        built: str = image,
        mounts: Mapping[Path, str] | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        entrypoint: str | None = None,
        workdir: str | None = None,
        options: Sequence[str] = (),
        timeout_s: float = 600,
    ) -> subprocess.CompletedProcess[str]:
        command = [daemon.DOCKER, "run", "--rm", "--network", "host", *options]
        command += [] if stdin is None else ["--interactive"]
        command += [] if entrypoint is None else ["--entrypoint", entrypoint]
        command += [] if workdir is None else ["--workdir", workdir]
        for source, target in (mounts or {}).items():
            command += ["--volume", f"{source}:{target}"]
        for name in env or {}:
            command += ["--env", name]  # by name, as runners do: a value stays out of argv
        return subprocess.run(
            [*command, built, *arguments],
            env={**os.environ, **(env or {})},
            check=False,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    return run


@pytest.fixture
def git_http(tmp_path) -> Iterator[GitServer]:
    """A git host that wants a token; it serves the bare repositories in ``root``."""
    root = tmp_path / "git"
    root.mkdir()
    with GitServer(root, token=secrets.token_hex(16)) as server:
        yield server


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of an S3 server, which takes any credentials."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
