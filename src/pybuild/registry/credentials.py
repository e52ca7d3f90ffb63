"""Which login belongs to a repository: explicit ones, then texts and files in Docker's format."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator

from pybuild.errors import RegistryError
from pybuild.events import BuildWarning, Emit
from pybuild.oci.reference import Repository
from pybuild.registry import docker_config, programs
from pybuild.registry.docker_config import DockerConfig
from pybuild.registry.endpoints import canonical_host
from pybuild.registry.login import Login
from pybuild.request import RegistryOptions


class Credentials:
    """Finds logins; safe to use from many threads.

    Files are read when the first host asks for a login. A credential program runs at most once for
    a host, whatever comes of it, so that ``prepare`` can have all of them run before a foreign tree
    takes the place of this machine's programs. Its answer is not renewed during the build.

    In a file, a program that is named for the host (``credHelpers``) comes first, then the login
    that the file holds, then the program for all others (``credsStore``). One for all others is
    often a leftover of another machine: where it fails, that is a warning, and the search goes on.
    """

    def __init__(self, options: RegistryOptions, emit: Emit) -> None:
        self._options = options
        self._emit = emit
        self._explicit = {
            docker_config.key_of(one.host): Login(one.user, one.password)
            for one in options.credentials
        }
        self._configs: tuple[DockerConfig, ...] | None = None
        self._answers: dict[tuple[str, str], Login | RegistryError | None] = {}
        self._warned: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._asking: defaultdict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)

    def find(self, repository: Repository) -> Login | None:
        """The login for a repository; None is anonymous.

        Raises:
            RegistryError: A file that may hold it is not in Docker's format, or the program that
                is named for the host failed.
        """
        host = canonical_host(repository.registry)
        if host in self._explicit:
            return self._explicit[host]
        for config in self._read_once():
            login = self._find_in(config, host, repository)
            if login is not None:
                return login
        return None

    def prepare(self, repositories: Iterable[Repository]) -> None:
        """Run every credential program that ``find`` may need; what fails is told by ``find``."""
        for repository in repositories:
            try:
                self.find(repository)
            except RegistryError:
                continue

    def _find_in(self, config: DockerConfig, host: str, repository: Repository) -> Login | None:
        if host in config.programs:
            answer = self._ask(config.programs[host], host)
            if isinstance(answer, RegistryError):
                # A copy: whoever catches it may add an excerpt.
                raise RegistryError(answer.message, hint=answer.hint)
            return answer
        login = config.login(repository)
        if login is not None or not config.store:
            return login
        answer = self._ask(config.store, host)
        if isinstance(answer, RegistryError):
            self._warn_of_store(config.store, host, answer)
            return None
        return answer

    def _ask(self, name: str, host: str) -> Login | RegistryError | None:
        key = (name, host)
        with self._lock:
            asking = self._asking[key]
        with asking:
            if key not in self._answers:
                try:
                    self._answers[key] = programs.ask(name, host, self._options.helper_path)
                except RegistryError as error:
                    self._answers[key] = error
            return self._answers[key]

    def _warn_of_store(self, name: str, host: str, error: RegistryError) -> None:
        with self._lock:
            if (name, host) in self._warned:
                return
            self._warned.add((name, host))
        message = f"{error.message}; the host is used without its login"
        self._emit(BuildWarning("CredentialProgramFailed", message))

    def _read_once(self) -> tuple[DockerConfig, ...]:
        with self._lock:
            if self._configs is None:
                self._configs = tuple(self._read_all())
            return self._configs

    def _read_all(self) -> Iterator[DockerConfig]:
        if self._options.auth_config.strip():
            yield docker_config.read(self._options.auth_config.encode(), "DOCKER_AUTH_CONFIG")
        for path in self._options.config_files:
            try:
                data = path.read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                message = f"credentials in {path} are not used: {error.strerror}"
                self._emit(BuildWarning("CredentialsUnreadable", message))
                continue
            yield docker_config.read(data, str(path))
