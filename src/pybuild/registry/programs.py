"""Credential programs: ``docker-credential-NAME get`` (docker-credential-helpers' protocol)."""

from __future__ import annotations

import re
import shutil
import subprocess

from pybuild.errors import IntegrityError, RegistryError
from pybuild.oci.document import Node
from pybuild.oci.reference import DOCKER_HUB
from pybuild.registry.login import Login

_HUB_KEY = "https://index.docker.io/v1/"
"""What docker login stores the Hub's login under (docker's registry.IndexServer)."""
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)  # it becomes a part of a file name
_NOT_FOUND = "credentials not found"
"""docker-credential-helpers' errCredentialsNotFoundMessage, which programs print and fail with."""
_TOKEN_USER = "<token>"  # noqa: S105 - says that the secret is an identity token
_TIMEOUT_S = 30.0  # those of the clouds ask a server
_LONGEST = 200


def ask(name: str, host: str, path: str) -> Login | None:
    """What a program knows of a registry; None where it has no login for it.

    Args:
        name: As ``credHelpers`` and ``credsStore`` have it, without ``docker-credential-``.
        host: The registry; ``docker.io`` for Docker Hub.
        path: Where programs are looked up, in the form of ``PATH``.

    Raises:
        RegistryError: The program is not there, failed, or said what makes no sense.
    """
    program = f"docker-credential-{name}"
    found = shutil.which(program, path=path) if _NAME.fullmatch(name) else None
    if found is None:
        raise RegistryError(
            f"the credential program {program[:80]!r} for {host} is not on this machine's PATH",
            hint="install it, or write the login itself into the file's auths",
        )
    answer = _run(program, found, host)
    said = answer.stdout.decode(errors="replace")
    if answer.returncode == 0:
        return _read(said, program, host)
    if _NOT_FOUND in said:
        return None
    problem = _one_line(said + answer.stderr.decode(errors="replace"))
    raise RegistryError(
        f"the credential program {program} failed for {host}:"
        f" {problem or f'it ended with {answer.returncode}'}"
    )


def _run(program: str, found: str, host: str) -> subprocess.CompletedProcess[bytes]:
    key = _HUB_KEY if host == DOCKER_HUB else host
    try:
        return subprocess.run(
            [found, "get"],
            input=key.encode(),
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        problem = f"did not answer within {_TIMEOUT_S:.0f} s"
    except OSError as error:
        problem = f"cannot be run: {error.strerror}"
    raise RegistryError(f"the credential program {program} for {host} {problem}")


def _read(said: str, program: str, host: str) -> Login | None:
    try:
        node = Node.parse(said.encode(), "its answer")
        user, secret = node["Username"].text(default=""), node["Secret"].text(default="")
    except IntegrityError:
        # Neither the answer nor what json says of it is shown: there may be a secret in it.
        raise RegistryError(
            f"the credential program {program} gave for {host} what is no login"
        ) from None
    if user == _TOKEN_USER:
        return Login(identity_token=secret)
    return Login(user, secret) if user or secret else None


def _one_line(text: str) -> str:
    joined = " ".join(text.split())[:_LONGEST]
    return "".join(char for char in joined if char.isprintable())
