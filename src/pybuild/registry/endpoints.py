"""Where a registry is spoken to: mirrors, Docker Hub's API host, and plain HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from enum import Enum

from pybuild.http import Origin, Transport, TransportError, Trusting, is_loopback
from pybuild.oci.reference import DOCKER_HUB, Repository
from pybuild.request import Mirror, RegistryOptions

_HUB_API = "registry-1.docker.io"
_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", _HUB_API})


class Side(Enum):
    """Which of two options counts, as ``insecure_pull`` and ``insecure_push``.

    The cache is on the push side.
    """

    PULL = "pull"
    PUSH = "push"


def canonical_host(text: str) -> str:
    """The one name of a registry that has several."""
    host = text.lower()
    return DOCKER_HUB if host in _HUB_NAMES else host


def api_host(registry: str) -> str:
    """The host that is spoken to."""
    host = canonical_host(registry)
    return _HUB_API if host == DOCKER_HUB else host


def places(
    repository: Repository, mirrors: Sequence[Mirror], *, mirrors_only: bool = False
) -> tuple[Repository, ...]:
    """Where to look for an image, in order: its registry's mirrors, then the registry itself.

    Args:
        repository: As the user names it.
        mirrors: Those of other registries count for nothing.
        mirrors_only: Leave out the registry itself where it has a mirror.
    """
    wanted = canonical_host(repository.registry)
    found = [
        Repository(canonical_host(mirror.host), _below(mirror.prefix, repository.path))
        for mirror in mirrors
        if canonical_host(mirror.registry) == wanted
    ]
    if not found or not mirrors_only:
        found.append(Repository(wanted, repository.path))
    return tuple(dict.fromkeys(found))


def _below(prefix: str, path: str) -> str:
    return f"{prefix}/{path}" if prefix else path


class Endpoints:
    """Base URLs of registries.

    A host named insecure is spoken to over plain HTTP. Where only a general option allows it, and
    for this machine's own addresses (as Docker does), https is tried first: so a flag that was
    given for one registry does not bare the credentials of all others.
    """

    def __init__(
        self,
        options: RegistryOptions,
        transport: Transport,
        trust: Callable[[str, Side], Trusting],
    ) -> None:
        self._options = options
        self._transport = transport
        self._trust = trust
        self._insecure = frozenset(canonical_host(host) for host in options.insecure_hosts)
        self._tried: dict[str, str] = {}
        self._lock = threading.Lock()

    def base(self, registry: str, side: Side) -> str:
        """``https://host`` or ``http://host``.

        Raises:
            TransportError: Neither answers.
        """
        api = api_host(registry)
        if canonical_host(registry) in self._insecure:
            return f"http://{api}"
        with self._lock:
            if api not in self._tried and self._may_be_plain(api, side):
                self._tried[api] = self._scheme(api, side)
            return f"{self._tried.get(api, 'https')}://{api}"

    def _may_be_plain(self, api: str, side: Side) -> bool:
        return self._allowed(side) or is_loopback(Origin.of(f"https://{api}").host)

    def _allowed(self, side: Side) -> bool:
        options = self._options
        return options.insecure_pull if side is Side.PULL else options.insecure_push

    def _scheme(self, api: str, side: Side) -> str:
        anything_goes = self._options.insecure_pull or self._options.insecure_push
        trust = self._trust(api, side)
        try:
            self._transport.request("GET", f"https://{api}/v2/", attempts=1, trust=trust)
        except TransportError as error:
            # A server with a certificate speaks TLS: what is missing is its CA, not an "s".
            speaks_tls = error.kind in {"certificate", "identity"}
            if error.kind == "dns" or (speaks_tls and not anything_goes):
                raise
        else:
            return "https"
        self._transport.request("GET", f"http://{api}/v2/")
        return "http"
