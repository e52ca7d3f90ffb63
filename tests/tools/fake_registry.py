"""A registry on the loopback address that does as it is told, and remembers what it was asked."""

from __future__ import annotations

import base64
import json
import re
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def line(self) -> str:
        """Method and target."""
        return f"{self.method} {self.target}"

    @property
    def authorization(self) -> str:
        """The header, or empty."""
        return self.headers.get("authorization", "")


@dataclass
class Fault:
    """Replaces the next ``times`` answers to requests whose line matches ``pattern``.

    Attributes:
        every: Let so many requests that match pass between two that are answered.
        cut_after: Send the true answer, but break the connection after so many bytes of its body.
        length: Whether a cut answer has a Content-Length.
        take: Break the connection after so many bytes of the request's body, which are kept.
    """

    pattern: str
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    times: int = 1
    cut_after: int | None = None
    hang_up: bool = False
    length: bool = True
    take: int | None = None
    every: int = 1
    passed: int = 0


@dataclass
class FakeRegistry:
    """The distribution API over dictionaries.

    Attributes:
        auth: Empty, ``basic`` or ``bearer``.
        realm: The token server; empty is this server.
        blobs_at: A base URL that downloads of blobs are redirected to.
        uploads_at: A base URL that uploads are sent to.
        certificate: A folder with cert.pem and key.pem; then this is an https server.
        client_ca: Who signs the certificates of those who may connect.
        limit: Larger bodies are refused with 413, as a proxy does.
        least_chunk: What ``OCI-Chunk-Min-Length`` says, and what is held to.
        partial: What of uploads has arrived so far, by repository.
        grants: Whether the token server grants a scope.
        digest_header: Replaces ``Docker-Content-Digest`` of manifests.
        page: How many tags a list has at most.
        deletes: Whether manifests can be removed.
    """

    auth: str = ""
    user: str = "user"
    password: str = "secret"
    identity_token: str = "refresh-me"
    anonymous: bool = False
    realm: str = ""
    mounts: bool = True
    ranges: bool = True
    blobs_at: str = ""
    uploads_at: str = ""
    digest_header: str = ""
    expires_in: int = 300
    grants: Callable[[str], bool] = lambda _scope: True
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    certificate: Path | None = None
    client_ca: Path | None = None
    limit: int | None = None
    least_chunk: int = 0
    partial: dict[str, bytes] = field(default_factory=dict)
    connections: int = 0
    page: int = 1000
    deletes: bool = True

    def __enter__(self) -> Self:
        self.tokens: dict[str, list[str]] = {}
        self.lock = threading.Lock()
        handler = type("Bound", (_Handler,), {"registry": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        if self.certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(self.certificate / "cert.pem", self.certificate / "key.pem")
            if self.client_ca:
                tls.load_verify_locations(self.client_ca)
                tls.verify_mode = ssl.CERT_REQUIRED
            listener = self.server.socket
            # The handshake belongs to the connection's own thread, not to the one that accepts.
            self.server.socket = tls.wrap_socket(
                listener, server_side=True, do_handshake_on_connect=False
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
        return f"127.0.0.1:{self.server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://{self.host}"

    def lines(self) -> list[str]:
        """The requests so far."""
        return [seen.line for seen in self.seen]

    def add_blob(self, path: str, data: bytes) -> str:
        digest = "sha256:" + sha256(data).hexdigest()
        self.blobs[path, digest] = data
        return digest

    def add_manifest(self, path: str, tag: str, media_type: str, data: bytes) -> str:
        digest = "sha256:" + sha256(data).hexdigest()
        self.manifests[path, tag] = self.manifests[path, digest] = (media_type, data)
        return digest


class _Handler(BaseHTTPRequestHandler):
    registry: FakeRegistry
    protocol_version = "HTTP/1.1"
    timeout = 10
    disable_nagle_algorithm = True

    def setup(self):
        if self.registry.certificate:
            try:
                self.request.do_handshake()
            except ssl.SSLError:
                # A connection that is closed at once may lose the alert that says why.
                time.sleep(0.1)
                raise
        super().setup()
        self.registry.connections += 1

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def do_GET(self):
        with self.registry.lock:
            self.fault = self._fault(f"{self.command} {self.path}")
        length = int(self.headers.get("Content-Length", 0))
        taken = length if not self.fault or self.fault.take is None else self.fault.take
        body = self.rfile.read(taken)
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, self.path, headers, body)
        with self.registry.lock:
            self.registry.seen.append(seen)
        if taken < length:
            self.keep(body)
            self.close_connection = True
        elif self.fault and self.fault.cut_after is None:
            if self.fault.hang_up:
                self.close_connection = True
                return
            self.answer(self.fault.status, self.fault.body, self.fault.headers)
        elif self.registry.limit is not None and length > self.registry.limit:
            self.answer(413, b"<html>nginx</html>")
        else:
            self.route(seen)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - http.server's names

    def keep(self, body):
        name = re.fullmatch(r"/v2/(.+)/blobs/uploads/.*", self.path)[1]
        self.registry.partial[name] = self.registry.partial.get(name, b"") + body

    def _fault(self, line):
        for fault in self.registry.faults:
            if fault.times and re.search(fault.pattern, line):
                fault.passed += 1
                if fault.passed % fault.every:
                    continue
                fault.times -= 1
                return fault
        return None

    def route(self, seen):
        parts = urlsplit(seen.target)
        query = parse_qs(parts.query)
        if parts.path == "/token":
            self.token(seen, query)
        elif not self.allowed(seen, parts.path):
            self.challenge(parts.path)
        elif parts.path == "/v2/":
            self.answer(200, b"{}")
        elif match := re.fullmatch(r"/v2/(.+)/manifests/([^/]+)", parts.path):
            self.manifest(seen, *match.groups())
        elif match := re.fullmatch(r"/v2/(.+)/tags/list", parts.path):
            self.tags(match[1], query)
        elif match := re.fullmatch(r"/v2/(.+)/blobs/uploads/\w*", parts.path):
            self.upload(seen, match[1], query)
        elif match := re.fullmatch(r"/v2/(.+)/blobs/(sha256:\w+)", parts.path):
            self.blob(seen, *match.groups())
        else:
            self.answer(404)

    def allowed(self, seen, path):
        registry = self.registry
        if registry.auth == "basic":
            return seen.authorization == self.basic()
        if registry.auth != "bearer" or path == "/v2/":
            return not registry.auth
        scopes = registry.tokens.get(seen.authorization.removeprefix("Bearer "))
        if scopes is None:
            return False
        name = re.fullmatch(r"/v2/(.+?)/(?:manifests|blobs|tags)/.*", path)[1]
        action = "pull" if seen.method in {"GET", "HEAD"} else "push"
        if seen.method == "DELETE" and "/manifests/" in path:
            action = "delete"
        return any(
            scope.startswith(f"repository:{name}:") and action in scope.rpartition(":")[2]
            for scope in scopes
        )

    def basic(self):
        text = f"{self.registry.user}:{self.registry.password}"
        return "Basic " + base64.b64encode(text.encode()).decode()

    def challenge(self, path):
        header = 'Basic realm="fake"'
        if self.registry.auth == "bearer":
            name = re.sub(r"/v2/(.+?)/(?:manifests|blobs|tags)/.*", r"\1", path)
            realm = self.registry.realm or f"{self.registry.url}/token"
            header = f'Bearer realm="{realm}",service="fake",scope="repository:{name}:pull"'
        body = b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'
        self.answer(401, body, {"WWW-Authenticate": header})

    def token(self, seen, query):
        registry = self.registry
        form = parse_qs(seen.body.decode())
        refresh = form.get("refresh_token") == [registry.identity_token]
        if not refresh and not registry.anonymous and seen.authorization != self.basic():
            self.answer(401, b"{}")
            return
        scopes = " ".join(form.get("scope", query.get("scope", []))).split()
        if not all(registry.grants(scope) for scope in scopes):
            self.answer(403, b"{}")
            return
        token = f"token-{len(registry.tokens)}"
        registry.tokens[token] = scopes
        document = {"token": token, "expires_in": registry.expires_in}
        self.answer(200, json.dumps(document).encode())

    def manifest(self, seen, name, selector):
        registry = self.registry
        if seen.method == "PUT":
            digest = registry.add_manifest(name, selector, seen.headers["content-type"], seen.body)
            self.answer(201, headers={"Docker-Content-Digest": registry.digest_header or digest})
            return
        if seen.method == "DELETE" and not registry.deletes:
            self.answer(405, b'{"errors":[{"code":"UNSUPPORTED","message":"not here"}]}')
            return
        if (name, selector) not in registry.manifests:
            body = b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}'
            self.answer(404, body)
            return
        if seen.method == "DELETE":
            gone = registry.manifests[name, selector]
            for key in [key for key, kept in registry.manifests.items() if kept == gone]:
                if key[0] == name:
                    del registry.manifests[key]
            self.answer(202)
            return
        media_type, data = registry.manifests[name, selector]
        digest = registry.digest_header or "sha256:" + sha256(data).hexdigest()
        self.answer(200, data, {"Content-Type": media_type, "Docker-Content-Digest": digest})

    def tags(self, name, query):
        found = sorted(
            tag for one, tag in self.registry.manifests if one == name and ":" not in tag
        )
        if not found:
            self.answer(404, b'{"errors":[{"code":"NAME_UNKNOWN","message":"no such name"}]}')
            return
        rest = [tag for tag in found if tag > query.get("last", [""])[0]]
        page = rest[: min(self.registry.page, int(query["n"][0]))]
        headers = {}
        if len(page) < len(rest):
            following = f"/v2/{name}/tags/list?n={len(page)}&last={page[-1]}"
            headers["Link"] = f'<{following}>; rel="next"'
        self.answer(200, json.dumps({"name": name, "tags": page}).encode(), headers)

    def blob(self, seen, name, digest):
        data = self.registry.blobs.get((name, digest))
        if data is None:
            self.answer(404, b'{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown"}]}')
        elif seen.method == "GET" and self.registry.blobs_at:
            self.answer(307, headers={"Location": f"{self.registry.blobs_at}{seen.target}"})
        elif (wanted := seen.headers.get("range")) and self.registry.ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            total = len(data)
            headers = {"Content-Range": f"bytes {start}-{total - 1}/{total}"}
            self.answer(206, data[start:], headers)
        else:
            self.answer(200, data)

    def upload(self, seen, name, query):
        act = {"POST": self.begin, "PATCH": self.chunk, "PUT": self.finish}
        if seen.method in act:
            act[seen.method](seen, name, query)
        elif seen.method == "DELETE":
            self.registry.partial.pop(name, None)
            self.answer(204)
        else:
            self.progress(204, name)

    def begin(self, _seen, name, query):
        registry = self.registry
        wanted = (query.get("from", [""])[0], query.get("mount", [""])[0])
        if registry.mounts and wanted in registry.blobs:
            registry.blobs[name, wanted[1]] = registry.blobs[wanted]
            self.answer(201)
            return
        registry.partial[name] = b""
        headers = {"Location": f"{registry.uploads_at}/v2/{name}/blobs/uploads/1?state=a%2Fb"}
        if registry.least_chunk:
            headers["OCI-Chunk-Min-Length"] = str(registry.least_chunk)
        self.answer(202, headers=headers)

    def chunk(self, seen, name, _query):
        begun = seen.headers["content-range"].partition("-")[0]
        if int(begun) != len(self.registry.partial[name]):
            self.answer(416)
            return
        self.registry.partial[name] += seen.body
        self.progress(202, name)

    def progress(self, status, name):
        so_far = len(self.registry.partial[name])
        location = f"/v2/{name}/blobs/uploads/1?state=at{so_far}"
        self.answer(status, headers={"Location": location, "Range": f"0-{max(0, so_far - 1)}"})

    def finish(self, seen, name, query):
        registry = self.registry
        data = registry.partial.pop(name, b"") + seen.body
        digest = query["digest"][0]
        if digest != "sha256:" + sha256(data).hexdigest():
            self.answer(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}')
            return
        registry.blobs[name, digest] = data
        self.answer(201, headers={"Docker-Content-Digest": digest})

    def answer(self, status, body=b"", headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        fault = self.fault
        if fault is None or fault.length:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.close_connection = True
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault and fault.cut_after is not None:
            body = body[: fault.cut_after]
            self.close_connection = True
        self.wfile.write(body)
