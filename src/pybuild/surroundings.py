"""What is around every RUN of a build: sandbox, secrets, agents; read before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from pybuild.errors import UsageError
from pybuild.events import BuildWarning, Emit, Event, VertexFailed, VertexLog
from pybuild.masking import Masker
from pybuild.ports import Limit, Sandbox
from pybuild.request import LARGEST_SECRET_BYTES, BuildRequest, Secret

_HOSTNAME = "BUILDKIT_SANDBOX_HOSTNAME"


def sandbox(request: BuildRequest) -> Sandbox:
    """Hosts, name and limits of every RUN."""
    return Sandbox(
        hosts=request.run.hosts,
        hostname=dict(request.build_args).get(_HOSTNAME, ""),
        shm_bytes=request.run.shm_bytes,
        limits=tuple(Limit(*limit) for limit in request.run.limits),
    )


def agents(request: BuildRequest) -> dict[str, Path]:
    """Sockets of ssh agents by id."""
    return {agent.id: agent.socket for agent in request.run.ssh}


def read_secrets(secrets: Iterable[Secret]) -> dict[str, bytes]:
    """The values by id; of two with one id the later counts.

    Raises:
        UsageError: A file cannot be read, or a value is too big.
    """
    return {secret.id: _read(secret) for secret in secrets}


def masking(emit: Emit, secrets: Mapping[str, bytes]) -> Emit:
    """Emit, with the secrets' values replaced in all that is said."""
    masker = Masker(value.decode(errors="replace") for value in secrets.values())

    def masked(event: Event) -> None:
        match event:
            case VertexLog(line=line):
                emit(replace(event, line=masker.mask(line)))
            case VertexFailed(message=message) | BuildWarning(message=message):
                emit(replace(event, message=masker.mask(message)))
            case _:
                emit(event)

    return masked if secrets else emit


def _read(secret: Secret) -> bytes:
    if secret.file is None:
        return (secret.value or "").encode("utf-8", "surrogateescape")
    try:
        with secret.file.open("rb") as file:
            value = file.read(LARGEST_SECRET_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"secret {secret.id}: cannot read {secret.file}: {error.strerror}"
        ) from error
    if len(value) > LARGEST_SECRET_BYTES:
        raise UsageError(f"secret {secret.id} too big. max size 500KiB")
    return value
