"""Connections that are used again: a pool for each scheme, proxy and trust."""

from __future__ import annotations

import ssl
import threading
from urllib.parse import unquote, urlsplit

import urllib3

from pybuild.http.trust import Trust

_POOL_SIZE = 16  # as many connections to a host as the step cache asks questions at once


class Pools:
    """Opens pools when they are first asked for; safe to use from many threads."""

    def __init__(self) -> None:
        self._pools: dict[tuple[str, str, Trust], urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def pool(self, scheme: str, proxy: str, trust: Trust) -> urllib3.PoolManager:
        """The pool for requests of a scheme through a proxy; proxy may be empty.

        Raises:
            UsageError: A file that trust names cannot be used.
        """
        key = (scheme, proxy, trust if scheme == "https" else Trust())
        with self._lock:
            if key not in self._pools:
                self._pools[key] = _open(*key)
            return self._pools[key]

    def close(self) -> None:
        """Close the connections that idle."""
        with self._lock:
            for pool in self._pools.values():
                pool.clear()
            self._pools.clear()


def _open(scheme: str, proxy: str, trust: Trust) -> urllib3.PoolManager:
    # A pool never makes a thread wait for a place (block=False): a push whose source is a pull
    # from the same registry would wait for itself.
    tls = _context(trust) if scheme == "https" else None
    if not proxy:
        return urllib3.PoolManager(maxsize=_POOL_SIZE, ssl_context=tls)
    parts = urlsplit(proxy)
    login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    headers = urllib3.make_headers(proxy_basic_auth=login) if parts.username else None
    return urllib3.ProxyManager(
        proxy,
        maxsize=_POOL_SIZE,
        ssl_context=tls,
        # What is believed of a server says nothing of the proxy before it.
        proxy_ssl_context=_context(Trust()) if parts.scheme == "https" else None,
        proxy_headers=headers,
    )


def _context(trust: Trust) -> ssl.SSLContext:
    if not trust.verified:
        # The user asked for it; urllib3 would say so for every request.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return trust.context()
