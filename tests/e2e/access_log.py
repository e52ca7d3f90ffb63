"""A registry as a test sees it: its name, its credentials, and every request it was sent."""

import base64
import json
import re
import secrets
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from tools.services import registries

# Apache's combined format, as the registry writes it.
LINE = re.compile(r'^\S+ - \S+ \[[^\]]+\] "(?P<method>\S+) (?P<target>\S+) [^"]*" (?P<status>\d+)')


@dataclass(frozen=True)
class Request:
    """A request that a registry answered."""

    method: str
    target: str
    status: int


@dataclass
class AccessLog:
    """A registry that runs, and its log from the start of the test on."""

    registry: registries.Registry
    start: int = field(init=False)

    user = registries.USER
    password = registries.PASSWORD

    def __post_init__(self) -> None:
        self.start = self.mark()

    @property
    def host(self) -> str:
        """``HOST:PORT``, for image references."""
        return self.registry.host

    @property
    def docker_config(self) -> dict[str, object]:
        """What ``docker login`` would have written."""
        pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"auths": {self.host: {"auth": pair}}}

    @property
    def config_json(self) -> Path:
        """A ``config.json`` with the registry's credentials."""
        path = self.registry.folder / "config.json"
        path.write_text(json.dumps(self.docker_config))
        return path

    def mark(self) -> int:
        """A place in the log behind every request that has been answered."""
        token = secrets.token_hex(8)
        try:
            urllib.request.urlopen(f"http://{self.host}/v2/?{token}", timeout=10).close()
        except urllib.error.HTTPError as error:
            error.close()

        # The line is written after the answer.
        for _ in range(500):
            content = self.registry.log.read_bytes()
            found = content.find(token.encode())
            if found >= 0:
                return content.find(b"\n", found) + 1
            time.sleep(0.01)
        raise AssertionError(f"{self.registry.log} does not show a request that was answered")

    def since(self, mark: int | None = None, *, repository: str = "") -> list[Request]:
        """The requests since a mark, or since the test began, to one repository where one is
        named."""
        begin, end = self.start if mark is None else mark, self.mark()
        lines = self.registry.log.read_bytes()[begin:end].decode().splitlines()
        requests = [
            Request(match["method"], match["target"], int(match["status"]))
            for match in map(LINE.match, lines)
            if match
        ]
        return [
            request
            for request in requests[:-1]  # the last is the mark's own
            if request.target.startswith(f"/v2/{repository}")
        ]
