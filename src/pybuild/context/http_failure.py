"""What a server's refusal means for who named a URL; secrets and queries are never quoted."""

from __future__ import annotations

from http import HTTPStatus

from pybuild.dockerfile.remote_address import shown
from pybuild.errors import ContextError
from pybuild.http import TransportError

_LOGIN = "give the secret HTTP_AUTH_TOKEN_{host} or HTTP_AUTH_HEADER_{host}"
_STATUSES = {
    400: ("the server does not understand the request", "check the address"),
    401: ("the server wants credentials", _LOGIN),
    403: ("access was refused", _LOGIN),
    404: ("there is no such file", "check the address; a private file can look the same"),
    407: ("the proxy wants credentials", "write them into the proxy's URL"),
    410: ("the file is gone", "check the address"),
    429: ("the server refuses more requests for now", "try again later"),
}
_HINTS = {
    "dns": "check the host, the network of this job, and its proxy settings",
    "refused": "check the host and port, the network of this job, and its proxy settings",
    "timeout": "check the network of this job, and its proxy settings",
    "certificate": "let the machine trust the authority of that server",
    "proxy": "check http_proxy, https_proxy and no_proxy",
}


def refused(url: str, host: str, status: int) -> ContextError:
    """The error for an answer that is not the file."""
    message, hint = _STATUSES.get(status, ("", ""))
    if not message:
        message = "the server failed" if status >= 500 else "the server's answer makes no sense"  # noqa: PLR2004 - RFC 9110 section 15.6
        hint = "try again later" if status >= 500 else "check the address"  # noqa: PLR2004 - the same
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    return ContextError(
        f"cannot fetch {shown(url)}: {message} (HTTP {status}{' ' * bool(phrase)}{phrase})",
        hint=hint.format(host=host),
    )


def broken(url: str, error: TransportError) -> ContextError:
    """The error for a request without an answer, or an answer that broke off."""
    return ContextError(
        f"cannot fetch {shown(url)}: {error.message}", hint=_HINTS.get(error.kind, "")
    )
