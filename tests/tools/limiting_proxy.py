"""A proxy before a registry: refuses large bodies as nginx does, and cuts lines when told to."""

from __future__ import annotations

import http.client
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_OWN = frozenset({"content-length", "transfer-encoding", "date", "server"})
_SMALL_BYTES = 100_000


@dataclass
class LimitingProxy:
    """Hands requests on to a registry on plain HTTP, and its answers back.

    Attributes:
        upstream: The registry's host and port.
        limit: Larger bodies are refused with 413, or None.
        cuts: After how many bytes the next large bodies are cut off, on both lines; None is not.
    """

    upstream: str
    limit: int | None = None
    cuts: list[int | None] = field(default_factory=list)

    def __enter__(self) -> Self:
        handler = type("Bound", (_Handler,), {"proxy": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
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


class _Handler(BaseHTTPRequestHandler):
    proxy: LimitingProxy
    protocol_version = "HTTP/1.1"
    timeout = 10

    def log_message(self, *_):
        pass

    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        cuts = self.proxy.cuts
        cut = cuts.pop(0) if cuts and length > _SMALL_BYTES else None
        body = self.rfile.read(length if cut is None else cut)
        if self.proxy.limit is not None and length > self.proxy.limit:
            self.reply(413, {}, b"")
            return
        upstream = http.client.HTTPConnection(self.proxy.upstream)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            upstream.putheader(name, value)
        upstream.endheaders(body)
        if cut is None:
            answer = upstream.getresponse()
            self.reply(answer.status, dict(answer.getheaders()), answer.read())
        self.close_connection = cut is not None
        upstream.close()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - http.server's names

    def reply(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in _OWN:
                self.send_header(name, value)
        self.send_header("Content-Length", headers.get("Content-Length", str(len(body))))
        self.end_headers()
        self.wfile.write(body)
