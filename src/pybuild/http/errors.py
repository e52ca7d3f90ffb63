"""The transport's own error."""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "dns",
    "refused",
    "timeout",
    "tls",
    "certificate",
    "identity",
    "proxy",
    "broken",
    "redirect",
    "large",
]


class TransportError(Exception):
    """There is no answer; callers turn it into an error of their own.

    Attributes:
        message: One line that names the host, never the URL: its query may hold a signature.
        kind: What happened.
        passing: Whether another attempt may help.
    """

    def __init__(self, message: str, kind: Kind, *, passing: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.passing = passing
