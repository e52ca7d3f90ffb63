"""A login of one registry, as it is sent."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password, or one of the two kinds of token that stand in their place.

    Attributes:
        identity_token: An OAuth2 refresh token: the token server gives bearer tokens for it.
        registry_token: A bearer token, sent as it is.
    """

    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The ``Authorization`` header of RFC 7617."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
