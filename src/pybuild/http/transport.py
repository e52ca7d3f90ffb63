"""Send requests: pool, proxies, TLS, retries, redirects and what may follow them."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import urllib3
from urllib3 import exceptions as faults

from pybuild.errors import UsageError
from pybuild.http.errors import TransportError
from pybuild.http.failures import failure_of
from pybuild.http.origin import Origin
from pybuild.http.proxies import proxy_for
from pybuild.http.response import Response
from pybuild.http.retries import Retries

Body = bytes | Callable[[], Iterator[bytes]]
"""What is sent: bytes, or a function that begins the bytes anew for each attempt; with the latter
the caller gives ``Content-Length``."""

_CONNECT_S = 15.0
_READ_S = 90.0
_POOL_SIZE = 16  # as many connections to a host as the step cache asks questions at once
_REDIRECTS = 5
_REDIRECT = frozenset({301, 302, 303, 307, 308})
_TRAVELLING = frozenset({"accept", "accept-encoding", "range", "user-agent"})
"""Headers that follow a redirect to another origin: an allow-list, for ``Authorization`` is not the
only one that may hold a secret."""


@dataclass(slots=True)
class Transport:
    """Sends requests over pooled connections; safe to use from many threads.

    ``Authorization`` and whatever else may be a secret never follows a redirect to another
    origin, and no redirect from https to http is followed at all.

    Attributes:
        proxies: ``http`` and ``https`` are proxy URLs by the scheme of the request, ``no`` the
            text of ``NO_PROXY``; nothing is read from the environment.
        ca_bundle: Certificates in PEM that are trusted besides the system's.
    """

    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_bundle: Path | None = None
    user_agent: str = "pybuild"
    retries: Retries = field(default_factory=Retries)
    _pools: dict[tuple[str, str], urllib3.PoolManager] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        stream: bool = False,
        retry: bool = True,
    ) -> Response:
        """Send a request, again where it may help, and follow redirects of GET and HEAD.

        Args:
            method: As in HTTP.
            url: http or https.
            headers: Sent to url's origin.
            body: What to send.
            stream: Leave the body of a 2xx answer to ``Response.chunks``.
            retry: Make more attempts; False where the caller must begin further up.

        Returns:
            The answer, whatever its status.

        Raises:
            TransportError: There is none.
        """
        sent = {"User-Agent": self.user_agent, **(headers or {})}
        for _ in range(_REDIRECTS + 1):
            response = self._attempts(method, url, sent, body, stream=stream, retry=retry)
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
        with self._lock:
            for pool in self._pools.values():
                pool.clear()
            self._pools.clear()

    def _attempts(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body | None,
        *,
        stream: bool,
        retry: bool,
    ) -> Response:
        attempt = 1
        while True:
            outcome: Response | TransportError
            try:
                outcome = self._once(method, url, headers, body, stream=stream)
            except TransportError as error:
                outcome = error
            if not retry or not self.retries.again(attempt, outcome):
                break
            attempt += 1
        if isinstance(outcome, TransportError):
            raise outcome
        return outcome

    def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body | None,
        *,
        stream: bool,
    ) -> Response:
        origin = Origin.of(url)
        try:
            raw = self._pool(origin).urlopen(
                method,
                url,
                body=body() if callable(body) else body,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=_CONNECT_S, read=_READ_S),
            )
        except (faults.HTTPError, OSError) as error:
            raise failure_of(error, origin) from None
        return Response(raw, url, stream=stream)

    def _pool(self, origin: Origin) -> urllib3.PoolManager:
        proxy = proxy_for(origin, self.proxies)
        with self._lock:
            key = (origin.scheme, proxy)
            if key not in self._pools:
                self._pools[key] = self._new_pool(origin.scheme, proxy)
            return self._pools[key]

    def _new_pool(self, scheme: str, proxy: str) -> urllib3.PoolManager:
        # A pool never makes a thread wait for a place (block=False): a push whose source is a pull
        # from the same registry would wait for itself.
        needs_tls = "https" in (scheme, urlsplit(proxy).scheme)
        tls = self._tls() if needs_tls else None
        if not proxy:
            return urllib3.PoolManager(maxsize=_POOL_SIZE, ssl_context=tls)
        parts = urlsplit(proxy)
        login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        headers = urllib3.make_headers(proxy_basic_auth=login) if parts.username else None
        return urllib3.ProxyManager(
            proxy,
            maxsize=_POOL_SIZE,
            ssl_context=tls,
            proxy_ssl_context=tls,
            proxy_headers=headers,
        )

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self.ca_bundle is not None:
            try:
                context.load_verify_locations(cafile=self.ca_bundle)
            except (OSError, ssl.SSLError) as error:
                reason = error.strerror or error
                raise UsageError(f"CA bundle {self.ca_bundle} cannot be read: {reason}") from None
        return context


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
