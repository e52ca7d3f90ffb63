"""Send requests: pool, proxies, TLS, retries, redirects and what may follow them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

import urllib3
from urllib3 import exceptions as faults

from pybuild.http.errors import TransportError
from pybuild.http.failures import failure_of
from pybuild.http.origin import Origin
from pybuild.http.pools import Pools
from pybuild.http.proxies import proxy_for
from pybuild.http.response import Response
from pybuild.http.retries import Retries
from pybuild.http.trust import Trusting, by_the_system

Body = bytes | Callable[[], Iterator[bytes]]
"""What is sent: bytes, or a function that begins the bytes anew for each attempt; with the latter
the caller gives ``Content-Length``."""

_CONNECT_S = 15.0
_READ_S = 90.0
_REDIRECTS = 5
_REDIRECT = frozenset({301, 302, 303, 307, 308})
_TRAVELLING = frozenset(
    {
        "accept",
        "accept-encoding",
        "if-modified-since",
        "if-none-match",
        "range",
        "user-agent",
    }
)
"""Headers that follow a redirect to another origin: an allow-list, for ``Authorization`` is not the
only one that may hold a secret. What a condition compares with came from where the redirect led."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One request to one server."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: Body | None
    stream: bool
    trust: Trusting


@dataclass(slots=True)
class Transport:
    """Sends requests over pooled connections; safe to use from many threads.

    ``Authorization`` and whatever else may be a secret never follows a redirect to another
    origin, and no redirect from https to http is followed at all.

    Attributes:
        proxies: ``http`` and ``https`` are proxy URLs by the scheme of the request, ``no`` the
            text of ``NO_PROXY``; nothing is read from the environment.
    """

    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    user_agent: str = "pybuild"
    retries: Retries = field(default_factory=Retries)
    _pools: Pools = field(default_factory=Pools, init=False, repr=False)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        stream: bool = False,
        attempts: int | None = None,
        trust: Trusting = by_the_system,
    ) -> Response:
        """Send a request, again where it may help, and follow redirects of GET and HEAD.

        Args:
            method: As in HTTP.
            url: http or https.
            headers: Sent to url's origin.
            body: What to send.
            stream: Leave the body of a 2xx answer to ``Response.chunks``.
            attempts: How many may be made; None is what ``retries`` says. 1 where the caller must
                begin further up.
            trust: Asked for each server that the request comes to.

        Returns:
            The answer, whatever its status.

        Raises:
            TransportError: There is none.
            UsageError: A file that trust names cannot be used.
        """
        sent = {"User-Agent": self.user_agent, **(headers or {})}
        for _ in range(_REDIRECTS + 1):
            call = _Call(method, url, sent, body, stream, trust)
            response = self._attempts(call, attempts)
            target = _redirect_target(method, url, response)
            if target is None:
                return response
            response.close()
            if Origin.of(target) != Origin.of(url):
                sent = {name: sent[name] for name in sent if name.lower() in _TRAVELLING}
            url = target
        raise TransportError(f"{Origin.of(url)} redirects without end", "redirect")

    def close(self) -> None:
        """Close the connections that idle."""
        self._pools.close()

    def _attempts(self, call: _Call, attempts: int | None) -> Response:
        attempt = 1
        while True:
            outcome: Response | TransportError
            try:
                outcome = self._once(call)
            except TransportError as error:
                outcome = error
            if not self.retries.again(attempt, outcome, attempts):
                break
            attempt += 1
        if isinstance(outcome, TransportError):
            raise outcome
        return outcome

    def _once(self, call: _Call) -> Response:
        origin = Origin.of(call.url)
        pool = self._pools.pool(origin.scheme, proxy_for(origin, self.proxies), call.trust(origin))
        try:
            raw = pool.urlopen(
                call.method,
                call.url,
                body=call.body() if callable(call.body) else call.body,
                headers=call.headers,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=_CONNECT_S, read=_READ_S),
            )
        except (faults.HTTPError, OSError) as error:
            raise failure_of(error, origin) from None
        return Response(raw, call.url, stream=call.stream)


def _redirect_target(method: str, url: str, response: Response) -> str | None:
    location = response.headers.get("Location", "")
    # A body is never sent on: it may be a secret, and where it went would have to be asked first.
    if response.status not in _REDIRECT or not location or method not in {"GET", "HEAD"}:
        return None
    here = Origin.of(url)
    try:
        target = urljoin(url, location)
        there = Origin.of(target)
    except (ValueError, TransportError):
        raise TransportError(f"{here} redirects to a malformed URL", "redirect") from None
    if (here.scheme, there.scheme) == ("https", "http"):
        raise TransportError(f"{here} redirects from https to http ({there})", "redirect")
    return target
