"""A proxy before a registry that fails, cuts lines, changes bytes or dawdles as it is told."""

from __future__ import annotations

import http.client
import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

_BLOCK_BYTES = 1 << 16
_UPLOAD = re.compile(r"(/blobs/uploads/)[^?]+\?.*?(digest=[^&]+|$)")
"""Each attempt at a blob has a name of its own."""
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding"})


@dataclass
class Trouble:
    """What happens to requests whose ``METHOD TARGET`` matches a pattern.

    Attributes:
        pattern: Found anywhere in the line.
        times: How often, or None for ever.
        every: One in so many of those that match.
        most: How often for the same thing that is asked, or None for ever: requests that come side
            by side have no order, and chance must not hit all attempts at one of them.
        status: Answered in the registry's place, with ``headers``.
        cut_after: Close the line after so many bytes of the answer's body.
        changed: Offsets in the answer's body of bytes that are turned over; from its end where
            they are negative.
        elsewhere: Host and port that stand in the answer's ``Location`` instead of the proxy's own.
        delay_s: Wait so long for each 64 KiB of the request's body.
    """

    pattern: str
    times: int | None = None
    every: int = 1
    most: int | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    changed: tuple[int, ...] = ()
    elsewhere: str | None = None
    delay_s: float = 0
    seen: int = 0
    hits: Counter[str] = field(default_factory=Counter)

    def strikes(self, line: str) -> bool:
        """Whether it happens to this request."""
        if not re.search(self.pattern, line) or self.times == 0:
            return False
        self.seen += 1
        asked = _UPLOAD.sub(r"\1\2", line)
        if self.seen % self.every or self.hits[asked] == self.most:
            return False
        self.hits[asked] += 1
        self.times = None if self.times is None else self.times - 1
        return True


@dataclass
class FaultyProxy:
    """Hands requests on to a registry on plain HTTP, and its answers back.

    Attributes:
        upstream: The registry's host and port.
        troubles: The first that strikes is the one.
        certificate: A folder with cert.pem and key.pem; then it speaks https.
        struck: The requests that something happened to.
    """

    upstream: str
    troubles: list[Trouble]
    certificate: Path | None = None
    struck: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.lock = threading.Lock()
        handler = type("Bound", (_Handler,), {"proxy": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate / "cert.pem", self.certificate / "key.pem")
            # The handshake belongs to the thread of a connection, not to that which accepts it.
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def host(self) -> str:
        """Its name in image references."""
        return f"127.0.0.1:{self.server.server_address[1]}"

    def trouble(self, line: str) -> Trouble:
        """What happens to a request; nothing, most times."""
        with self.lock:
            for trouble in self.troubles:
                if trouble.strikes(line):
                    self.struck.append(line)
                    return trouble
        return Trouble("")


class _Handler(BaseHTTPRequestHandler):
    proxy: FaultyProxy
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError, ssl.SSLError):
            self.close_connection = True

    def do_GET(self):
        trouble = self.proxy.trouble(f"{self.command} {self.path}")
        body = self.body(trouble.delay_s)
        if trouble.status is not None:
            for _ in body:
                pass
            self.reply(trouble.status, {**trouble.headers, "Content-Length": "0"})
            return

        upstream = http.client.HTTPConnection(self.proxy.upstream)
        try:
            headers = dict(self.headers.items())
            if self.proxy.certificate:
                headers["X-Forwarded-Proto"] = "https"
            upstream.request(self.command, self.path, body, headers)
            self.hand_back(upstream.getresponse(), trouble)
        finally:
            upstream.close()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - http.server's names

    def body(self, delay_s: float) -> Iterator[bytes]:
        left = int(self.headers.get("Content-Length", 0))
        while left:
            time.sleep(delay_s)
            block = self.rfile.read(min(left, _BLOCK_BYTES))
            if not block:
                raise ConnectionError("the client has gone")
            left -= len(block)
            yield block

    def hand_back(self, answer: http.client.HTTPResponse, trouble: Trouble) -> None:
        headers = dict(answer.getheaders())
        if trouble.elsewhere:
            where = headers.get("Location", "")
            headers["Location"] = where.replace(self.proxy.host, trouble.elsewhere)
        self.reply(answer.status, headers)
        length = int(headers.get("Content-Length", 0))
        changed = {offset % length for offset in trouble.changed}
        left, at = trouble.cut_after, 0
        while block := answer.read(_BLOCK_BYTES if left is None else min(left, _BLOCK_BYTES)):
            left = None if left is None else left - len(block)
            self.wfile.write(_turned_over(block, {offset - at for offset in changed}))
            at += len(block)
        self.close_connection = left is not None

    def reply(self, status: int, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.end_headers()


def _turned_over(block: bytes, offsets: set[int]) -> bytes:
    inside = {offset for offset in offsets if 0 <= offset < len(block)}
    return (
        bytes(byte ^ (number in inside) for number, byte in enumerate(block)) if inside else block
    )
