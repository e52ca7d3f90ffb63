"""A registry's refusals as errors of ours: what failed, where, because of what, what to do."""

from __future__ import annotations

from http import HTTPStatus

from pybuild.errors import IntegrityError, RegistryError
from pybuild.http import Response, TransportError
from pybuild.oci.document import Node

_LONGEST = 200
_HINTS = {
    "dns": "check the registry's name and this machine's DNS",
    "refused": "check the host and the port, and that the registry runs",
    "certificate": "give the CA that signed it for this host, or leave its certificate unchecked",
    "identity": "give a client certificate for this host that its registry knows",
    "tls": "if the registry speaks plain HTTP, name its host as insecure; if it asks for a client"
    " certificate, give one for this host",
    "proxy": "check HTTPS_PROXY and NO_PROXY",
}


class AccessRefused(RegistryError):  # noqa: N818 - names what happened, as the tree's others do
    """401 or 403: another attempt with the same login cannot help."""


def unreachable(doing: str, error: TransportError) -> RegistryError:
    """The error for a request that got no answer."""
    return RegistryError(f"{doing} failed: {error.message}", hint=_HINTS.get(error.kind, ""))


def unexpected(doing: str, host: str, response: Response, *, logged_in: bool) -> RegistryError:
    """The error for an answer that is not what the request hoped for.

    Args:
        doing: As ``pulling docker.io/library/alpine:3``.
        host: The registry as the user writes it.
        response: Its answer.
        logged_in: Whether there was a login to send.
    """
    said = said_by(response)
    match response.status:
        case HTTPStatus.UNAUTHORIZED:
            return _unauthorized(doing, host, response, logged_in=logged_in)
        case HTTPStatus.FORBIDDEN:
            return AccessRefused(
                f"{doing} was refused by {host}: access denied{said}",
                hint="grant the login the right to do that"
                if logged_in
                else f"give credentials for {host}",
            )
        case HTTPStatus.TOO_MANY_REQUESTS:
            return RegistryError(
                f"{doing} failed: {host} gets too many requests from here{said}",
                hint="log in for a higher limit, or use a mirror",
            )
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return RegistryError(
                f"{doing} failed: {host} or a proxy before it does not take a body of that size",
                hint="raise its limit (nginx: client_max_body_size)",
            )
        case status:
            return RegistryError(f"{doing} failed: {host} answered {status}{said}")


def _unauthorized(doing: str, host: str, response: Response, *, logged_in: bool) -> AccessRefused:
    if not logged_in:
        return AccessRefused(
            f"{doing} was refused: {host} asks for a login",
            hint=f"give credentials for {host}",
        )
    # A token was issued for the login, so its password is right (RFC 6750 section 3.1).
    if response.headers.get("WWW-Authenticate", "").lower().startswith("bearer"):
        return AccessRefused(
            f"{doing} was refused by {host}: the login has no right to do that{said_by(response)}",
            hint="grant it the right, or use another login",
        )
    return AccessRefused(
        f"{doing} was refused by {host}: wrong user name or password",
        hint=f"check the credentials for {host}",
    )


def said_by(response: Response) -> str:
    """`` (CODE: message)`` from an error body of the distribution API, or empty."""
    for error in _errors(response):
        parts = (error["code"].text(default=""), error["message"].text(default=""))
        text = " ".join(": ".join(part for part in parts if part).split())
        printable = "".join(char for char in text[:_LONGEST] if char.isprintable())
        return f" ({printable})" if printable else ""
    return ""


def codes_of(response: Response) -> frozenset[str]:
    """Every error code of a refusal's body (distribution-spec, "Error Codes")."""
    if response.ok:
        return frozenset()
    return frozenset(error["code"].text(default="") for error in _errors(response))


def _errors(response: Response) -> list[Node]:
    """The errors of a body, those that are well-formed."""
    try:
        found = Node.parse(response.body, "")["errors"].items()
    except IntegrityError:
        return []
    return [error for error in found if _is_error(error.value)]


def _is_error(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(name, ""), str) for name in ("code", "message")
    )
