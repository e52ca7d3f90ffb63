"""Where the servers of a run of cases can be reached; no golden names such a place."""

from dataclasses import dataclass
from typing import Any

from tools.services import registries


@dataclass(frozen=True)
class Places:
    """Addresses of servers.

    Attributes:
        http: Of files, each case's below its name.
        git: Of repositories, each case's below its name.
        registry: A host with the base images of ``conformance.own_bases``.
    """

    http: str = "http://127.0.0.1:1"
    git: str = "http://127.0.0.1:1"
    registry: str = registries.OPEN.host

    def fill(self, text: str, case: str) -> str:
        """A text of a case, with the addresses in the place of their names."""
        for name, address in self._addresses(case).items():
            text = text.replace(name, address)
        return text

    def fill_bytes(self, text: bytes, case: str) -> bytes:
        """The same for bytes."""
        for name, address in self._addresses(case).items():
            text = text.replace(name.encode(), address.encode())
        return text

    def hide(self, value: Any, case: str) -> Any:
        """A JSON value with the names in the place of the addresses."""
        match value:
            case str():
                for name, address in self._addresses(case).items():
                    value = value.replace(address, name)
                return value
            case list():
                return [self.hide(item, case) for item in value]
            case dict():
                return {name: self.hide(item, case) for name, item in value.items()}
            case _:
                return value

    def _addresses(self, case: str) -> dict[str, str]:
        return {
            "{http}": f"{self.http}/{case}",
            "{git}": f"{self.git}/{case}",
            "{registry}": self.registry,
        }
