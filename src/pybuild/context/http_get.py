"""GET a file: credentials of the host, conditions, and its bytes as the server means them."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from pybuild.archive.compression import GZIP, NONE, decompress
from pybuild.archive.errors import ArchiveError
from pybuild.context.http_failure import broken, refused
from pybuild.context.secrets import RemoteSecrets
from pybuild.dockerfile.remote_address import shown
from pybuild.errors import ContextError
from pybuild.http import Origin, Response, Transport, TransportError

_GZIP = frozenset({"gzip", "x-gzip"})  # RFC 9110 section 8.4.1.3


@dataclass(frozen=True, slots=True)
class Getter:
    """Asks servers for files.

    ``Authorization`` goes to the URL's own origin alone: the transport takes it off where a
    redirect leads elsewhere.
    """

    transport: Transport
    secrets: RemoteSecrets

    @contextmanager
    def get(self, url: str, conditions: Mapping[str, str] | None = None) -> Iterator[Response]:
        """The answer to a GET, whose body is for ``body_of``: 200, or 304 where conditions hold.

        Raises:
            ContextError: There is no answer, or another one.
        """
        address, authorization = self._split(url)
        headers = {"Accept-Encoding": "identity", **(conditions or {})}
        if authorization:
            headers["Authorization"] = authorization
        try:
            response = self.transport.request("GET", address, headers=headers, stream=True)
        except TransportError as error:
            raise broken(url, error) from None
        with response:
            wanted = {HTTPStatus.OK, HTTPStatus.NOT_MODIFIED} if conditions else {HTTPStatus.OK}
            if response.status not in wanted:
                raise refused(url, urlsplit(address).hostname or "", response.status)
            yield response

    def _split(self, url: str) -> tuple[str, str]:
        """The URL as it is asked for, and the value of Authorization."""
        try:
            origin = Origin.of(url)
            parts = urlsplit(url)
        except (TransportError, ValueError):
            raise ContextError(
                f"{shown(url)} is not an http or https URL", hint="write https://host/path"
            ) from None
        userinfo, _, host = parts.netloc.rpartition("@")
        address = parts._replace(netloc=host, fragment="").geturl()
        if not userinfo:
            return address, self.secrets.http_authorization(origin)
        user, _, password = (unquote(part) for part in userinfo.partition(":"))
        encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
        return address, f"Basic {encoded}"


def body_of(response: Response, url: str) -> Iterator[bytes]:
    """The file's bytes; what the server has compressed for the way is as it was before.

    Servers that keep files compressed send them so, whatever they are asked for.

    Raises:
        TransportError: The connection broke.
        ContextError: The body is damaged, or compressed in another way.
    """
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in {"", "identity", *_GZIP}:
        raise ContextError(
            f"cannot fetch {shown(url)}: the server sends it with the encoding {coding[:40]!r}",
            hint="let the server send the file as it is, or in gzip",
        )
    try:
        yield from decompress(response.chunks(), kind=GZIP if coding in _GZIP else NONE)
    except ArchiveError as error:
        raise ContextError(f"cannot fetch {shown(url)}: {error}") from None
