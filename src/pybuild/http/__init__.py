"""The one HTTP transport: registry, contexts, ADD and caches use it; imported by who builds it."""

from pybuild.http.errors import TransportError
from pybuild.http.origin import Origin, is_loopback
from pybuild.http.response import Response
from pybuild.http.retries import Retries
from pybuild.http.transport import Body, Transport
from pybuild.http.trust import Identity, Trust, Trusting

__all__ = [
    "Body",
    "Identity",
    "Origin",
    "Response",
    "Retries",
    "Transport",
    "TransportError",
    "Trust",
    "Trusting",
    "is_loopback",
]
