"""What urllib3's errors mean, in one line each."""

from __future__ import annotations

import errno
import socket
import ssl

from urllib3 import exceptions as faults

from pybuild.http.errors import TransportError
from pybuild.http.origin import Origin

_ABOUT_US = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "asks for a client certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "does not know the CA of the client certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "does not take the client certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "does not take the client certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "says that the client certificate has expired",
}
"""A server's alerts about what this side showed (RFC 8446 section 6.2), by OpenSSL's names."""


def failure_of(error: Exception, origin: Origin) -> TransportError:
    """What a urllib3 error means, in one line."""
    match error:
        case faults.ProxyError():
            return TransportError(f"the proxy for {origin} failed: {_reason(error)}", "proxy")
        case faults.NameResolutionError():
            passing = getattr(error.__cause__, "errno", None) == socket.EAI_AGAIN
            return TransportError(
                f"the host name {origin.host} cannot be resolved", "dns", passing=passing
            )
        case faults.NewConnectionError():
            return _not_connected(error, origin)
        case faults.TimeoutError():  # NewConnectionError is one, too
            return TransportError(f"{origin} did not answer in time", "timeout", passing=True)
        case faults.SSLError():
            return _tls_failure(error, origin)
        case _:
            return TransportError(
                f"the connection to {origin} broke: {_reason(error)}", "broken", passing=True
            )


def _not_connected(error: Exception, origin: Origin) -> TransportError:
    if getattr(error.__cause__, "errno", None) == errno.ECONNREFUSED:
        return TransportError(f"{origin} refused the connection", "refused")
    return TransportError(f"{origin} cannot be reached: {_reason(error)}", "refused")


def _tls_failure(error: Exception, origin: Origin) -> TransportError:
    cause = error.args[0] if error.args else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return TransportError(
            f"the certificate of {origin} is not trusted: {cause.verify_message}", "certificate"
        )
    if isinstance(cause, ssl.SSLError) and cause.reason in _ABOUT_US:
        return TransportError(f"{origin} {_ABOUT_US[cause.reason]}", "identity")
    if isinstance(cause, ssl.SSLEOFError):
        return TransportError(f"{origin} broke off the TLS handshake", "broken", passing=True)
    return TransportError(f"TLS with {origin} failed: {_reason(error)}", "tls")


def _reason(error: Exception) -> str:
    """The innermost cause, without urllib3's object names and without URLs."""
    seen: BaseException = error
    while True:
        inner = next((arg for arg in seen.args if isinstance(arg, Exception)), seen.__cause__)
        if inner is None:
            break
        seen = inner
    if isinstance(seen, OSError) and seen.strerror:
        return seen.strerror
    return str(seen).splitlines()[0][:200] if str(seen) else type(seen).__name__
