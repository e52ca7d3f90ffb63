"""``--load``: an image goes through a Docker daemon's socket, and its answer is understood."""

import http.server
import io
import json
import socketserver
import tarfile
import threading

import pytest

from pybuild.errors import HostUnsupported, IntegrityError, StateError
from pybuild.oci import media
from pybuild.oci.manifest import Manifest
from pybuild.oci.reference import Reference
from pybuild.store.daemon import load
from pybuild.store.export import ExportImage
from tools.images import describe

LAYER = b"a layer" * 100_000
CONFIG = b'{"config":{}}'
TAGS = (Reference.parse("example.com/a/b:1.0"), Reference.parse("busybox"))


def image(layer_type=media.OCI_LAYER_GZIP):
    config = describe(CONFIG, media.OCI_CONFIG)
    layers = (describe(LAYER, layer_type),)
    manifest = Manifest(media.OCI_MANIFEST, config, layers).to_bytes()
    return ExportImage(describe(manifest, media.OCI_MANIFEST), manifest, config, CONFIG, layers)


class Daemon(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A daemon that takes one archive and gives the answer it was told."""

    daemon_threads = True

    def __init__(self, path, status=200, answer=(), takes=None):
        super().__init__(str(path), Handler)
        self.status, self.answer, self.takes = status, answer, takes
        self.requests = []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = io.BytesIO()
        while size := int(self.rfile.readline() or b"-1", 16):
            if size < 0:
                return  # it has hung up
            body.write(self.rfile.read(size))
            assert self.rfile.readline() == b"\r\n"
            if self.server.takes is not None and body.tell() > self.server.takes:
                break
        else:
            assert self.rfile.readline() == b"\r\n"
        self.server.requests.append((self.path, dict(self.headers), body.getvalue()))
        self.close_connection = True
        if self.server.status is None:
            return
        data = "".join(f"{line}\r\n" for line in self.server.answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def address_string(self):
        return "the test"

    def log_message(self, *args):
        pass


@pytest.fixture
def daemon(tmp_path):
    started = []

    def start(**options):
        server = Daemon(tmp_path / "docker.sock", **options)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def send(tmp_path, *, source=lambda _: iter([LAYER[:5], LAYER[5:]]), which=None):
    return load(which or image(), tmp_path / "docker.sock", tags=TAGS, open_blob=source)


def test_the_daemon_gets_an_archive_and_its_answer_is_returned(tmp_path, daemon):
    said = ["Loaded image: example.com/a/b:1.0\n", "Loaded image: busybox:latest\n"]
    server = daemon(answer=[json.dumps({"stream": line}) for line in said])
    assert send(tmp_path) == "Loaded image: example.com/a/b:1.0\nLoaded image: busybox:latest"
    ((path, headers, body),) = server.requests
    assert path == "/images/load?quiet=1"
    assert headers["Content-Type"] == "application/x-tar"
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        (document,) = json.load(archive.extractfile("manifest.json"))
        layer = archive.extractfile(document["Layers"][0]).read()
    assert document["RepoTags"] == ["example.com/a/b:1.0", "docker.io/library/busybox:latest"]
    assert layer == LAYER


@pytest.mark.parametrize(
    ("status", "answer", "reason"),
    [
        (200, ['{"errorDetail":{"message":"no space"},"error":"no space left"}'], "no space left"),
        (200, ['{"stream":"x"}', '{"error":"late"}'], "late"),
        (500, ['{"message":"the daemon is ill"}'], "the daemon is ill"),
        (404, [], "HTTP status 404"),
        (200, ["<html>"], "<html>"),
        (200, ["[1]"], r"\[1\]"),
    ],
)
def test_a_refusal_is_passed_on(tmp_path, daemon, status, answer, reason):
    daemon(status=status, answer=answer)
    with pytest.raises(
        StateError, match=f"the Docker daemon at .*docker.sock did not load the image: {reason}$"
    ) as caught:
        send(tmp_path)
    assert caught.value.hint == "look into the daemon's log; is its disk full?"


def test_a_refusal_before_the_end_is_passed_on(tmp_path, daemon):
    daemon(status=500, answer=['{"message":"enough"}'], takes=1000)
    with pytest.raises(StateError, match="did not load the image: enough"):
        send(
            tmp_path,
            source=lambda _: (LAYER[at : at + 70000] for at in range(0, len(LAYER), 70000)),
        )


def test_zstd_layers_are_named_as_what_an_old_daemon_stumbles_over(tmp_path, daemon):
    daemon(answer=['{"error":"Error processing tar file(exit status 1): unexpected EOF"}'])
    with pytest.raises(StateError) as caught:
        send(tmp_path, which=image(media.OCI_LAYER_ZSTD))
    assert caught.value.hint == (
        "Docker before version 23 reads no zstd layers: use compression=gzip"
    )


def test_a_daemon_that_hangs_up_is_a_state_error(tmp_path, daemon):
    daemon(status=None)
    with pytest.raises(StateError, match="did not answer: Remote end closed connection"):
        send(tmp_path)


def test_a_damaged_layer_is_never_loaded(tmp_path, daemon):
    server = daemon(answer=[])
    with pytest.raises(IntegrityError, match="turned out to be"):
        send(tmp_path, source=lambda _: iter([LAYER[:-1]]))
    assert server.requests == []  # its body was never complete


def test_no_socket_says_how_to_have_one(tmp_path):
    with pytest.raises(
        HostUnsupported, match=r"cannot reach a Docker daemon at .*: No such file"
    ) as caught:
        send(tmp_path)
    assert "--volume /var/run/docker.sock:/var/run/docker.sock" in caught.value.hint


def test_a_socket_without_a_daemon_says_to_start_it(tmp_path):
    Daemon(tmp_path / "docker.sock").server_close()
    with pytest.raises(HostUnsupported, match="Connection refused") as caught:
        send(tmp_path)
    assert caught.value.hint == "start the daemon"
