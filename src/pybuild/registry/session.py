"""Requests to a registry: its base URL, its login, and errors that say what was being done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus

from pybuild.errors import RegistryError
from pybuild.events import BuildWarning, Emit
from pybuild.http import Body, Origin, Response, Retries, Transport, TransportError
from pybuild.oci.reference import Repository
from pybuild.registry import failures
from pybuild.registry.auth import Authenticator, Scopes
from pybuild.registry.credentials import Credentials
from pybuild.registry.endpoints import Endpoints, Side
from pybuild.request import Mirror, RegistryOptions


def scopes_for(repository: Repository, actions: str = "pull") -> Scopes:
    """The scope that lets a token pull, or ``pull,push``."""
    return frozenset({f"repository:{repository.path}:{actions}"})


class Session:
    """What all requests of a build share; safe to use from many threads."""

    def __init__(
        self,
        options: RegistryOptions,
        transport: Transport,
        emit: Emit,
        clock: Callable[[], float],
    ) -> None:
        self.emit = emit
        self.mirrors: tuple[Mirror, ...] = options.mirrors
        self._transport = transport
        self._credentials = Credentials(options, emit)
        self._endpoints = Endpoints(options, transport)
        self._auth = Authenticator(transport, self._credentials, clock)
        self._warned: set[str] = set()
        self._lock = threading.Lock()

    @property
    def retries(self) -> Retries:
        """The transport's, for what must begin anew further up."""
        return self._transport.retries

    def send(
        self,
        doing: str,
        method: str,
        repository: Repository,
        path: str,
        *,
        side: Side,
        scopes: Scopes,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        stream: bool = False,
    ) -> Response:
        """Send a request below ``/v2/<repository>/`` and answer its challenge once.

        Raises:
            RegistryError: There is no answer; doing stands first in its message.
        """
        try:
            return self.attempt(
                method,
                repository,
                path,
                side=side,
                scopes=scopes,
                headers=headers,
                body=body,
                stream=stream,
            )
        except TransportError as error:
            raise failures.unreachable(doing, error) from None

    def attempt(
        self,
        method: str,
        repository: Repository,
        path: str,
        *,
        side: Side,
        scopes: Scopes,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        stream: bool = False,
        retry: bool = True,
    ) -> Response:
        """As ``send``; path may be an absolute URL, which gets the login only on this registry.

        Raises:
            TransportError: There is no answer.
            RegistryError: The login was refused.
        """
        base = self._endpoints.base(repository.registry, side)
        url = path if "://" in path else f"{base}/v2/{repository.path}/{path}"
        ours = Origin.of(url) == Origin.of(base)
        login = self._auth.known(base, repository, scopes) if ours else ""

        def once(authorization: str) -> Response:
            sent = dict(headers or {})
            if authorization:
                sent["Authorization"] = authorization
            return self._transport.request(
                method, url, headers=sent, body=body, stream=stream, retry=retry
            )

        response = once(login)
        # After a redirect, 401 is another server's answer, and no question to us.
        asked = ours and Origin.of(response.url) == Origin.of(base)
        if response.status != HTTPStatus.UNAUTHORIZED or not asked:
            return response
        better = self._auth.answer(base, repository, scopes, response, refused=login)
        return once(better) if better else response

    def unexpected(self, doing: str, repository: Repository, response: Response) -> RegistryError:
        """The error for an answer that is not what doing needed."""
        return failures.unexpected(
            doing, repository.registry, response, logged_in=self.has_login(repository)
        )

    def has_login(self, repository: Repository) -> bool:
        """Whether there are credentials for a repository."""
        return self._credentials.find(repository) is not None

    def warn_once(self, code: str, about: str, message: str) -> None:
        """Emit a warning, once for each code and what it is about."""
        with self._lock:
            if f"{code} {about}" in self._warned:
                return
            self._warned.add(f"{code} {about}")
        self.emit(BuildWarning(code, message))
