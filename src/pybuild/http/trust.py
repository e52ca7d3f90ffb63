"""What a TLS connection is checked against, and what this side shows of itself."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pybuild.errors import UsageError
from pybuild.http.origin import Origin


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key, both in PEM, for servers that ask for one (mutual TLS)."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Trust:
    """How one server is believed.

    Attributes:
        authorities: Files of certificates in PEM that are trusted besides the system's.
        verified: Whether the server's certificate is checked at all.
        identity: Shown where the server asks for it.
    """

    authorities: tuple[Path, ...] = ()
    verified: bool = True
    identity: Identity | None = None

    def context(self) -> ssl.SSLContext:
        """The same for ``ssl``.

        Raises:
            UsageError: A file cannot be read, or is not what it should be.
        """
        context = ssl.create_default_context()
        for path in self.authorities:
            _load_authorities(context, path)
        if self.identity is not None:
            _load_identity(context, self.identity)
        if not self.verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


Trusting = Callable[[Origin], Trust]
"""What is believed where: asked for each server that a request comes to, redirects included."""


def by_the_system(_origin: Origin) -> Trust:
    """The system's authorities everywhere."""
    return Trust()


def _load_authorities(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise UsageError(f"CA file {path} cannot be used: it holds no certificate in PEM") from None
    except OSError as error:
        raise UsageError(f"CA file {path} cannot be read: {error.strerror}") from None


def _load_identity(context: ssl.SSLContext, identity: Identity) -> None:
    pair = f"client certificate {identity.certificate} with key {identity.key}"
    try:
        # Without a password OpenSSL would ask the terminal for that of an encrypted key.
        context.load_cert_chain(identity.certificate, identity.key, password="")
    except ssl.SSLError:
        raise UsageError(
            f"{pair} cannot be used",
            hint="both must be PEM and belong together; the key must not be encrypted",
        ) from None
    except OSError as error:
        raise UsageError(f"{pair} cannot be read: {error.strerror}") from None
