"""Docker's ``config.json`` and ``DOCKER_AUTH_CONFIG`` (containers-auth.json(5) has its keys)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pybuild.errors import IntegrityError, RegistryError
from pybuild.oci.document import Node
from pybuild.oci.reference import Repository
from pybuild.registry.endpoints import canonical_host
from pybuild.registry.login import Login

_API_PATHS = frozenset({"v1", "v2"})  # https://index.docker.io/v1/ is a host, not a repository


@dataclass(frozen=True, slots=True)
class DockerConfig:
    """What one file knows.

    Attributes:
        logins: By host, or host and path.
        programs: Credential programs by host (``credHelpers``).
        store: The credential program of every other host (``credsStore``), or empty.
    """

    source: str
    logins: dict[str, Login]
    programs: dict[str, str]
    store: str

    def login(self, repository: Repository) -> Login | None:
        """The login that the file itself holds; the most specific key wins."""
        host = canonical_host(repository.registry)
        keys = _keys(host, repository.path)
        return next((self.logins[key] for key in keys if key in self.logins), None)


def read(data: bytes, source: str) -> DockerConfig:
    """Read a file; source names it in errors.

    Raises:
        RegistryError: It is not in Docker's format.
    """
    try:
        node = Node.parse(data, source)
        logins = {
            key_of(key): login
            for key, entry in node["auths"].members().items()
            if (login := _login(entry)) is not None
        }
        programs = {key_of(key): name for key, name in node["credHelpers"].text_map().items()}
        return DockerConfig(source, logins, programs, node["credsStore"].text(default=""))
    except IntegrityError as error:
        raise RegistryError(
            f"credentials cannot be read: {error.message}",
            hint="write them as docker login does",
        ) from None


def key_of(text: str) -> str:
    """The key of an entry: people write hosts, URLs, and hosts with a path."""
    bare = re.sub(r"^https?://", "", text.strip()).rstrip("/")
    host, _, path = bare.partition("/")
    host = canonical_host(host)
    return host if not path or path in _API_PATHS else f"{host}/{path}"


def _keys(host: str, path: str) -> Iterator[str]:
    """From the most specific on, as containers-auth.json(5) has it."""
    parts = path.split("/")
    for length in range(len(parts), 0, -1):
        yield "/".join((host, *parts[:length]))
    yield host


def _login(entry: Node) -> Login | None:
    """An entry's login; entries without one are left behind by credential programs."""
    user, password = entry["username"].text(default=""), entry["password"].text(default="")
    packed = entry["auth"].text(default="")
    if packed:
        try:
            raw = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise entry["auth"].fail("base64 of user:password") from None
        user, colon, password = raw.partition(":")
        if not colon:
            raise entry["auth"].fail("base64 of user:password")
        password = password.rstrip("\0")  # docker pads with these, and takes them off again
    identity = entry["identitytoken"].text(default="")
    bearer = entry["registrytoken"].text(default="")
    return Login(user, password, identity, bearer) if user or identity or bearer else None
