"""A git host: ``git http-backend`` behind HTTP basic authentication, for tests.

Run it as ``python git_server.py --root DIR --port N --token T [--user U]``, or use
:class:`GitServer` as a context manager. It serves every bare repository below the root.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit


@dataclass(frozen=True)
class SeenRequest:
    """A request as it came."""

    method: str
    target: str
    authorization: str


@dataclass
class GitServer:
    """Serves bare repositories over HTTP on the loopback address.

    Attributes:
        token: The password that is wanted; empty lets everybody in.
        user: The user that is wanted; empty takes any.
        protocol_v2: Whether clients may speak version 2, in which any commit can be asked for.
        redirect_to: Where everything is redirected to, or empty.
        status: Answered to everything instead, where it is not 0.
        requests: What came, in order.
        sent_bytes: How long all answers' bodies were together.
    """

    root: Path
    token: str = ""
    user: str = ""
    port: int = 0
    protocol_v2: bool = True
    redirect_to: str = ""
    status: int = 0
    requests: list[SeenRequest] = field(default_factory=list)
    sent_bytes: int = 0

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"host": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def url(self, name: str) -> str:
        """The URL of a repository."""
        return f"http://{self.address}/{name}"

    def admits(self, authorization: str) -> bool:
        """Whether an Authorization header opens the door."""
        if not self.token:
            return True
        kind, _, value = authorization.partition(" ")
        if kind.lower() != "basic":
            return False
        try:
            user, _, password = base64.b64decode(value).decode().partition(":")
        except ValueError:
            return False
        return password == self.token and self.user in {"", user}


class _Handler(BaseHTTPRequestHandler):
    host: GitServer  # set in a class of its own for each server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        pass

    def _serve(self) -> None:
        body = b"".join(self._body())
        authorization = self.headers.get("Authorization", "")
        self.host.requests.append(SeenRequest(self.command, self.path, authorization))
        if self.host.redirect_to:
            self._answer(302, {"Location": self.host.redirect_to + self.path})
        elif self.host.status:
            self._answer(self.host.status, {})
        elif not self.host.admits(authorization):
            self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'})
        else:
            self._backend(body)

    def _body(self) -> Iterator[bytes]:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            yield self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _backend(self, body: bytes) -> None:
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            env=self._cgi_environment(len(body)),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        status = int(headers.pop("Status", "200" if done.stdout else "500").split()[0])
        self._answer(status, headers, content)

    def _cgi_environment(self, length: int) -> dict[str, str]:
        url = urlsplit(self.path)
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.host.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": self.client_address[0],
            "REMOTE_USER": "",
        }
        if self.host.protocol_v2:
            environment["GIT_PROTOCOL"] = self.headers.get("Git-Protocol", "")
        return environment

    def _answer(self, status: int, headers: dict[str, str], content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.host.sent_bytes += len(content)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default="")
    parser.add_argument("--user", default="")
    given = parser.parse_args()
    server = GitServer(given.root.resolve(), given.token, given.user, given.port)
    with server, contextlib.suppress(KeyboardInterrupt):
        print(f"serving {server.root} at http://{server.address}/", flush=True)  # noqa: T201 - a program
        threading.Event().wait()


if __name__ == "__main__":
    main()
