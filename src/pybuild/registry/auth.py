"""Answers to a registry's challenges: Basic, and Bearer tokens (distribution's token spec)."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from pybuild.errors import IntegrityError, RegistryError
from pybuild.http import Origin, Response, Transport, TransportError, Trusting, is_loopback
from pybuild.oci.document import Node
from pybuild.oci.reference import Repository
from pybuild.registry import failures
from pybuild.registry.credentials import Credentials
from pybuild.registry.login import Login

Scopes = frozenset[str]
"""What a token is to allow, each as ``repository:path:pull,push``."""

_CLIENT = "pybuild"
_LIFETIME_S = 60  # what a token without expires_in is good for (token spec)
_MARGIN_S = 10  # a token is not used at the end of its life: the request takes time
_OK = 200
_NO_POST = frozenset({404, 405})
_WORD = re.compile(r'([\w-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)|([A-Za-z][\w-]*)')


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge of a ``WWW-Authenticate`` header; parameters by lower-case name."""

    scheme: str
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Question:
    """What a registry wants to know, and for what."""

    base: str
    repository: Repository
    scopes: Scopes
    challenge: Challenge
    trust: Trusting

    @property
    def realm(self) -> str:
        """The token server's URL."""
        return self.challenge.parameters["realm"]

    @property
    def service(self) -> str:
        """The registry's name at the token server, or empty."""
        return self.challenge.parameters.get("service", "")


@dataclass(frozen=True, slots=True)
class _Token:
    header: str = field(repr=False)
    expires_s: float


def read_challenge(header: str) -> Challenge | None:
    """The challenge that we answer: ``Bearer`` before ``Basic`` (RFC 9110 section 11.6.1)."""
    found: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for match in _WORD.finditer(header):
        name, value, scheme = match.groups()
        if scheme:
            current = found.setdefault(scheme.lower(), {})
        else:
            current[name.lower()] = re.sub(r"\\(.)", r"\1", value.strip('"'))
    if found.get("bearer", {}).get("realm"):
        return Challenge("bearer", found["bearer"])
    return Challenge("basic", found["basic"]) if "basic" in found else None


class Authenticator:
    """Remembers each registry's challenge, and tokens by host and scopes; thread-safe."""

    def __init__(
        self, transport: Transport, credentials: Credentials, clock: Callable[[], float]
    ) -> None:
        self._transport = transport
        self._credentials = credentials
        self._clock = clock
        self._challenges: dict[str, Challenge] = {}
        self._tokens: dict[tuple[str, Login | None, Scopes], _Token] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def known(self, base: str, repository: Repository, scopes: Scopes, trust: Trusting) -> str:
        """The ``Authorization`` for a request, or empty where the registry has not asked yet."""
        challenge = self._challenges.get(base)
        if challenge is None:
            return ""
        return self._header(_Question(base, repository, scopes, challenge, trust), refused="")

    def answer(
        self,
        base: str,
        repository: Repository,
        scopes: Scopes,
        response: Response,
        *,
        refused: str,
        trust: Trusting,
    ) -> str:
        """The ``Authorization`` after a 401, or empty where there is none better than refused."""
        challenge = read_challenge(response.headers.get("WWW-Authenticate", ""))
        if challenge is None:
            return ""
        self._challenges[base] = challenge
        header = self._header(_Question(base, repository, scopes, challenge, trust), refused)
        return "" if header == refused else header

    def _header(self, question: _Question, refused: str) -> str:
        login = self._credentials.find(question.repository)
        if login and login.registry_token:
            return f"Bearer {login.registry_token}"
        parameters = question.challenge.parameters
        if question.challenge.scheme == "basic":
            return login.basic if login and login.user else ""
        key = (question.base, login, question.scopes)
        with self._locks[question.base]:
            token = self._tokens.get(key)
            if token and token.header != refused and self._clock() < token.expires_s:
                return token.header
            if refused and parameters.get("scope"):
                question = replace(question, scopes=question.scopes | {parameters["scope"]})
            token = self._fetch(question, login)
            self._tokens[key] = token
            return token.header

    def _fetch(self, question: _Question, login: Login | None) -> _Token:
        registry = question.repository.registry
        doing = f"logging in to {registry}"
        try:
            if login:
                _check_realm(question.base, question.realm, registry)
            response = self._ask(question, login)
        except TransportError as error:
            raise failures.unreachable(doing, error) from None
        if response.status != _OK:
            raise failures.unexpected(doing, registry, response, logged_in=login is not None)
        return self._read(response, registry)

    def _ask(self, question: _Question, login: Login | None) -> Response:
        if login is None or not login.identity_token:
            return self._ask_by_get(question, login)
        response = self._ask_by_post(question, login.identity_token)
        # Token servers without OAuth2 exist; a user and a password may stand beside the token.
        if response.status in _NO_POST and login.password:
            return self._ask_by_get(question, login)
        return response

    def _ask_by_post(self, question: _Question, identity_token: str) -> Response:
        """The refresh token flow of distribution's OAuth2 specification."""
        form = {
            "grant_type": "refresh_token",
            "service": question.service,
            "client_id": _CLIENT,
            "scope": " ".join(sorted(question.scopes)),
            "refresh_token": identity_token,
        }
        return self._transport.request(
            "POST",
            question.realm,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
            trust=question.trust,
        )

    def _ask_by_get(self, question: _Question, login: Login | None) -> Response:
        query = [("service", question.service)] if question.service else []
        query += [("scope", scope) for scope in sorted(question.scopes)]
        headers = {}
        if login:
            query.append(("account", login.user))
            headers["Authorization"] = login.basic
        separator = "&" if "?" in question.realm else "?"
        url = f"{question.realm}{separator}{urlencode(query)}"
        return self._transport.request("GET", url, headers=headers, trust=question.trust)

    def _read(self, response: Response, registry: str) -> _Token:
        try:
            node = Node.parse(response.body, f"the token of {registry}")
            text = node["token"].text(default="") or node["access_token"].text()
            lifetime_s = max(node["expires_in"].number(default=_LIFETIME_S), _LIFETIME_S)
        except IntegrityError as error:
            raise RegistryError(f"logging in to {registry} failed: {error.message}") from None
        return _Token(f"Bearer {text}", self._clock() + lifetime_s - _MARGIN_S)


def _check_realm(base: str, realm: str, registry: str) -> None:
    """A login goes to a token server over https, to this machine, or back to a plain registry."""
    there, here = Origin.of(realm), Origin.of(base)
    plain_already = here.scheme == "http" and there.host == here.host
    if there.scheme == "https" or is_loopback(there.host) or plain_already:
        return
    raise RegistryError(
        f"{registry} wants the login sent to http://{there}, which is not encrypted",
        hint="the registry's token realm must be an https URL",
    )
