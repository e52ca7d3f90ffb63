"""A server of files over HTTP on the loopback address, with what real ones do: validators,
redirects, passwords, and connections that break off."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass
class Served:
    """What lies at a path.

    Attributes:
        headers: Sent besides Content-Length; ETag and Last-Modified answer conditions.
        authorization: What must be sent; empty lets everybody in.
        status: The answer's.
        breaks: How many answers end in the middle.
        conditions: Whether a condition that holds is answered with 304.
    """

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    authorization: str = ""
    status: int = 200
    breaks: int = 0
    conditions: bool = True


@dataclass(frozen=True)
class Seen:
    """A request as it came, and what was answered."""

    target: str
    headers: Mapping[str, str]
    status: int
    sent_bytes: int


@dataclass
class FileServer:
    """Serves ``files`` by path; ``seen`` is what came, in order."""

    files: dict[str, Served] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"host": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def url(self, path: str) -> str:
        """The URL of a path."""
        return f"http://{self.address}{path}"

    @property
    def sent_bytes(self) -> int:
        """How long the bodies were together."""
        return sum(one.sent_bytes for one in self.seen)


class _Handler(BaseHTTPRequestHandler):
    host: FileServer  # set in a class of its own for each server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        served = self.host.files.get(self.path.partition("?")[0], Served(status=404))
        status = self._status(served)
        body = served.body if status == 200 else b""
        sent = body
        if status == 200 and served.breaks:
            served.breaks -= 1
            sent = body[: len(body) // 2]
            self.close_connection = True
        lowered = {name.lower(): value for name, value in self.headers.items()}
        self.host.seen.append(Seen(self.path, lowered, status, len(sent)))
        self.send_response_only(status)
        if "Date" not in served.headers:
            self.send_header("Date", self.date_time_string())
        for name, value in served.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_: object) -> None:
        pass

    def _status(self, served: Served) -> int:
        if served.authorization and self.headers.get("Authorization") != served.authorization:
            return 401
        validators = (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified"))
        for condition, validator in validators:
            wanted = self.headers.get(condition)
            if served.conditions and wanted and wanted == served.headers.get(validator):
                return 304
        return served.status
