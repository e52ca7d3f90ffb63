"""Which secret goes to which host: BuildKit's names for the credentials of remote sources."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pybuild.context.git_program import basic_header
from pybuild.errors import ContextError
from pybuild.http import Origin

# buildkit/source/http and source/git
_HTTP_HEADER = "HTTP_AUTH_HEADER_"
_HTTP_TOKEN = "HTTP_AUTH_TOKEN_"  # noqa: S105 - a name
_GIT_HEADER = "GIT_AUTH_HEADER"
_GIT_TOKEN = "GIT_AUTH_TOKEN"  # noqa: S105 - a name
_GIT_USER = "x-access-token"
_BAD = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class RemoteSecrets:
    """Secrets of the build by id; only those with one of the names are ever read."""

    values: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def http_authorization(self, origin: Origin) -> str:
        """The value of ``Authorization`` for a host, or empty.

        ``HTTP_AUTH_TOKEN_<host>`` is a bearer token, ``HTTP_AUTH_HEADER_<host>`` the whole value.

        Raises:
            ContextError: The secret cannot stand in a header.
        """
        token = self._text(_HTTP_TOKEN + origin.host)
        return f"Bearer {token}" if token else self._text(_HTTP_HEADER + origin.host)

    def git_headers(self, origin: str) -> tuple[tuple[str, str], ...]:
        """Headers for a repository at an origin, and for submodules elsewhere, by origin.

        ``GIT_AUTH_TOKEN.<host>`` and ``GIT_AUTH_HEADER.<host>`` go to their host, over https;
        those without a host go to the repository's own.

        Args:
            origin: ``scheme://host[:port]`` of the repository; empty where it has none.

        Raises:
            ContextError: A secret cannot stand in a header.
        """
        headers = {f"https://{host}": self._git(f".{host}") for host in self._git_hosts()}
        if origin:
            host = origin.partition("://")[2]
            own = self._git(f".{host}") or self._git(f".{host.partition(':')[0]}") or self._git("")
            headers[origin] = own
        return tuple((where, header) for where, header in headers.items() if header)

    def _git_hosts(self) -> Iterator[str]:
        for name in self.values:
            kind, _, host = name.partition(".")
            if kind in {_GIT_HEADER, _GIT_TOKEN} and host:
                yield host

    def _git(self, suffix: str) -> str:
        if header := self._text(_GIT_HEADER + suffix):
            return f"Authorization: {header}"
        token = self._text(_GIT_TOKEN + suffix)
        return basic_header(_GIT_USER, token) if token else ""

    def _text(self, name: str) -> str:
        # Files end with a line's end, which was never meant to be sent.
        text = self.values.get(name, b"").decode("utf-8", "replace").strip()
        if _BAD.search(text):
            raise ContextError(
                f"the secret {name} holds several lines or control characters",
                hint="give the token alone, or the header's value alone",
            )
        return text
