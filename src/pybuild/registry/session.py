"""Requests to a registry: its base URL, its login, and errors that say what was being done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus

from pybuild.errors import RegistryError
from pybuild.events import BuildWarning, Emit
from pybuild.http import Body, Origin, Response, Transport, TransportError
from pybuild.oci.reference import Repository
from pybuild.registry import failures
from pybuild.registry.auth import Authenticator, Scopes
from pybuild.registry.credentials import Credentials
from pybuild.registry.endpoints import Endpoints, Side, places
from pybuild.registry.trust import Trusts
from pybuild.request import RegistryOptions


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
        self._options = options
        self._transport = transport
        self._credentials = Credentials(options, emit)
        self._trusts = Trusts(options)
        self._endpoints = Endpoints(options, transport, self._trusts.on_behalf_of)
        self._auth = Authenticator(transport, self._credentials, clock)
        self._warned: set[str] = set()
        self._pushed_to: set[Repository] = set()
        self._further: dict[Repository, tuple[Repository, ...]] = {}
        self._lock = threading.Lock()

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

        path may be an absolute URL, which gets the login only if it is on this registry.

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
                attempts=self._attempts(side),
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
        attempts: int | None = 1,
        answers: bool = True,
    ) -> Response:
        """As ``send``; without answers, a 401 is left as it is.

        Raises:
            TransportError: There is no answer.
            RegistryError: The login was refused.
        """
        if side is Side.PUSH:
            with self._lock:
                self._pushed_to.add(repository)
        base = self._endpoints.base(repository.registry, side)
        url = path if "://" in path else f"{base}/v2/{repository.path}/{path}"
        ours = Origin.of(url) == Origin.of(base)
        trust = self._trusts.on_behalf_of(repository.registry, side)
        login = self._auth.known(base, repository, scopes, trust) if ours else ""

        def once(authorization: str) -> Response:
            sent = dict(headers or {})
            if authorization:
                sent["Authorization"] = authorization
            return self._transport.request(
                method,
                url,
                headers=sent,
                body=body,
                stream=stream,
                attempts=attempts,
                trust=trust,
            )

        response = once(login)
        # After a redirect, 401 is another server's answer, and no question to us.
        asked = answers and ours and Origin.of(response.url) == Origin.of(base)
        if response.status != HTTPStatus.UNAUTHORIZED or not asked:
            return response
        better = self._auth.answer(base, repository, scopes, response, refused=login, trust=trust)
        return once(better) if better else response

    def again(self, attempt: int, outcome: Response | TransportError, side: Side) -> bool:
        """Sleep before another attempt of what must begin anew further up than ``send``.

        Args:
            attempt: Counts from 1.
            outcome: What it came to.
            side: Says how many there may be.

        Returns:
            Whether there may be another.
        """
        return self._transport.retries.again(attempt, outcome, self._attempts(side))

    def unexpected(self, doing: str, repository: Repository, response: Response) -> RegistryError:
        """The error for an answer that is not what doing needed."""
        return failures.unexpected(
            doing, repository.registry, response, logged_in=self.has_login(repository)
        )

    def has_login(self, repository: Repository) -> bool:
        """Whether there are credentials for a repository."""
        return self._credentials.find(repository) is not None

    def prepare_logins(self, repositories: Iterable[Repository]) -> None:
        """Run every credential program that these repositories or their mirrors may need."""
        for repository in repositories:
            everywhere = (*self.places(repository), repository)
            self._credentials.prepare(dict.fromkeys(everywhere))

    def places(self, repository: Repository) -> tuple[Repository, ...]:
        """Where to look for an image, in order."""
        return places(repository, self._options.mirrors, mirrors_only=self._options.mirrors_only)

    def remember(self, place: Repository, further: Sequence[Repository]) -> None:
        """What place holds may also be found at these; asked in order where it fails."""
        with self._lock:
            self._further[place] = tuple(further)

    def further(self, place: Repository) -> tuple[Repository, ...]:
        """Where else to look for what place should hold."""
        with self._lock:
            return self._further.get(place, ())

    def side_of_pull(self, repository: Repository) -> Side:
        """Whatever was asked as a place to push to is that for pulls from it, too.

        So the options for pushes hold for all that the cache does.
        """
        with self._lock:
            return Side.PUSH if repository in self._pushed_to else Side.PULL

    def warn_once(self, code: str, about: str, message: str) -> None:
        """Emit a warning, once for each code and what it is about."""
        with self._lock:
            if f"{code} {about}" in self._warned:
                return
            self._warned.add(f"{code} {about}")
        self.emit(BuildWarning(code, message))

    def _attempts(self, side: Side) -> int | None:
        options = self._options
        retries = options.pull_retries if side is Side.PULL else options.push_retries
        return None if retries is None else retries + 1
