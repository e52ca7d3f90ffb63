"""What TLS is checked against for the sake of a registry, from all options for it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pybuild.http import Identity, Origin, TransportError, Trust, Trusting
from pybuild.registry.endpoints import Side, api_host
from pybuild.request import RegistryOptions


class Trusts:
    """Answers by registry and side.

    What is said of a registry holds for whatever server it sends us to as well: its token server,
    the store of its blobs. Whoever could abuse that could be the registry in the first place, and
    a registry with a private CA often has a token server with the same (GitLab's does). What is
    said of such a server by its own name counts, too. A client certificate is shown only to the
    host that it is named for.
    """

    def __init__(self, options: RegistryOptions) -> None:
        self._options = options
        self._unverified = frozenset(_name(host) for host in options.unverified_hosts)
        self._authorities = tuple((_name(host), path) for host, path in options.authorities)
        self._identities = {
            _name(one.host): Identity(one.certificate, one.key)
            for one in options.client_certificates
        }

    def on_behalf_of(self, registry: str, side: Side) -> Trusting:
        """What is believed of the servers of one request to a registry."""
        asked = _name(registry)
        unverified_side = self._unverified_side(side)

        def trust(server: Origin) -> Trust:
            names = {asked, str(server)}
            return Trust(
                authorities=tuple(self._files(names)),
                verified=not unverified_side and not names & self._unverified,
                identity=self._identities.get(str(server)),
            )

        return trust

    def _unverified_side(self, side: Side) -> bool:
        options = self._options
        return options.unverified_pull if side is Side.PULL else options.unverified_push

    def _files(self, names: set[str]) -> Iterable[Path]:
        return dict.fromkeys(path for host, path in self._authorities if host in names)


def _name(host: str) -> str:
    """A host as ``str(Origin)`` has it: no port where that is https's own."""
    api = api_host(host)
    try:
        return str(Origin.of(f"https://{api}"))
    except TransportError:
        return api
