"""Which login belongs to a repository: explicit ones, then texts and files in Docker's format."""

from __future__ import annotations

import base64
import binascii
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from pybuild.errors import IntegrityError, RegistryError
from pybuild.events import BuildWarning, Emit
from pybuild.oci.document import Node
from pybuild.oci.reference import Repository
from pybuild.registry.endpoints import canonical_host
from pybuild.request import RegistryOptions

_API_PATHS = frozenset({"v1", "v2"})  # https://index.docker.io/v1/ is a host, not a repository


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password, or an OAuth2 refresh token in their place."""

    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The ``Authorization`` header of RFC 7617."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class _DockerConfig:
    """What one ``config.json`` knows.

    Attributes:
        logins: By host, or host and path.
        programs: Credential helpers by host.
        store: The credential helper of every other host, or empty.
    """

    source: str
    logins: dict[str, Login]
    programs: dict[str, str]
    store: str


class Credentials:
    """Finds logins; files are read when the first host asks for one.

    Credential helper programs are not supported yet: a host that needs one is warned about.
    """

    def __init__(self, options: RegistryOptions, emit: Emit) -> None:
        self._options = options
        self._emit = emit
        self._explicit = {
            _key(one.host): Login(one.user, one.password) for one in options.credentials
        }
        self._configs: tuple[_DockerConfig, ...] | None = None
        self._warned: set[str] = set()
        self._lock = threading.Lock()

    def find(self, repository: Repository) -> Login | None:
        """The login for a repository; None is anonymous.

        Raises:
            RegistryError: A file that may hold it is not in Docker's format.
        """
        host = canonical_host(repository.registry)
        if host in self._explicit:
            return self._explicit[host]
        with self._lock:
            if self._configs is None:
                self._configs = tuple(self._read_all())
        for config in self._configs:
            for key in _keys(host, repository.path):
                if key in config.logins:
                    return config.logins[key]
        self._warn_of_programs(host, self._configs)
        return None

    def _read_all(self) -> Iterator[_DockerConfig]:
        if self._options.auth_config.strip():
            yield _parse(self._options.auth_config.encode(), "DOCKER_AUTH_CONFIG")
        for path in self._options.config_files:
            try:
                data = path.read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                message = f"credentials in {path} are not used: {error.strerror}"
                self._emit(BuildWarning("CredentialsUnreadable", message))
                continue
            yield _parse(data, str(path))

    def _warn_of_programs(self, host: str, configs: tuple[_DockerConfig, ...]) -> None:
        for config in configs:
            program = config.programs.get(host) or config.store
            with self._lock:
                if not program or host in self._warned:
                    continue
                self._warned.add(host)
            setting = "credHelpers" if host in config.programs else "credsStore"
            message = (
                f"{config.source} names the credential helper {program!r} ({setting}) for {host},"
                " which is not supported yet; the host is used without a login"
            )
            self._emit(BuildWarning("CredentialHelperUnsupported", message))


def _keys(host: str, path: str) -> Iterator[str]:
    """From the most specific on, as containers-auth.json(5) has it."""
    parts = path.split("/")
    for length in range(len(parts), 0, -1):
        yield "/".join((host, *parts[:length]))
    yield host


def _key(text: str) -> str:
    """The key of an entry: people write hosts, URLs, and hosts with a path."""
    bare = re.sub(r"^https?://", "", text.strip()).rstrip("/")
    host, _, path = bare.partition("/")
    host = canonical_host(host)
    return host if not path or path in _API_PATHS else f"{host}/{path}"


def _parse(data: bytes, source: str) -> _DockerConfig:
    try:
        node = Node.parse(data, source)
        logins = {
            _key(key): login
            for key, entry in node["auths"].members().items()
            if (login := _login(entry)) is not None
        }
        programs = {_key(k): program for k, program in node["credHelpers"].text_map().items()}
        return _DockerConfig(source, logins, programs, node["credsStore"].text(default=""))
    except IntegrityError as error:
        raise RegistryError(
            f"credentials cannot be read: {error.message}",
            hint="write them as docker login does",
        ) from None


def _login(entry: Node) -> Login | None:
    """An entry's login; entries without one are left behind by credential helpers."""
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
    token = entry["identitytoken"].text(default="")
    return Login(user, password, token) if user or token else None
