"""Hand an image to a Docker daemon on its socket (``--load``; Engine API ``POST /images/load``)."""

from __future__ import annotations

import errno
import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from pybuild.errors import HostUnsupported, StateError
from pybuild.oci.reference import Reference
from pybuild.store.export import ZSTD_REFUSED, ExportImage, OpenBlob, write_docker_archive

_TARGET = "/images/load?quiet=1"  # with progress it would wait for us to read while we write
_CONNECT_S = 10.0
_ANSWER_S = 3600.0
"""The daemon is silent while it unpacks, which takes as long as the image is large."""

_PIECE_BYTES = 1 << 16  # headers and padding go out together
_LONGEST_ANSWER = 1 << 20
_REFUSED = {
    errno.ENOENT: "mount it (docker run --volume /var/run/docker.sock:/var/run/docker.sock), "
    "or write type=docker,dest=FILE and run docker load on it",
    errno.EACCES: "run as a user of the socket's group",
    errno.ECONNREFUSED: "start the daemon",
}


def load(
    image: ExportImage, socket_path: Path, *, tags: tuple[Reference, ...], open_blob: OpenBlob
) -> str:
    """Stream the image into a daemon, which names it by its tags.

    Args:
        image: What to load.
        socket_path: The daemon's Unix socket.
        tags: Names that the image gets there.
        open_blob: Gives a layer's bytes.

    Returns:
        What the daemon said, as ``Loaded image: NAME:TAG``, a line a name.

    Raises:
        HostUnsupported: No daemon answers on the socket.
        StateError: The daemon refused, or could not store the image.
        IntegrityError: A blob is not what its descriptor says.
    """
    with closing(_Connection(socket_path)) as connection:
        connection.connect()
        with suppress(BrokenPipeError, ConnectionResetError):  # it says why before it hangs up
            try:
                _send(connection, image, tags, open_blob)
            except TimeoutError as error:
                raise _silent(socket_path, error) from error
        return _answer(connection, socket_path, image)


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        """Connect to the socket.

        Raises:
            HostUnsupported: Nobody listens there.
        """
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.sock.settimeout(_CONNECT_S)
        try:
            self.sock.connect(str(self._path))
        except OSError as error:
            raise HostUnsupported(
                f"cannot reach a Docker daemon at {self._path}: {error.strerror or error}",
                hint=_REFUSED.get(error.errno or 0, ""),
            ) from error
        self.sock.settimeout(_ANSWER_S)


class _ChunkedBody:
    """A request's body of unknown length (RFC 9112 section 7.1); ``end`` completes it."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._pending = bytearray()

    def write(self, data: bytes, /) -> None:
        """Append bytes."""
        self._pending += data
        if len(self._pending) >= _PIECE_BYTES:
            self._flush()

    def end(self) -> None:
        """Send what is left and the last chunk; without it the daemon takes nothing."""
        self._flush()
        self._connection.send(b"0\r\n\r\n")

    def _flush(self) -> None:
        if self._pending:  # an empty chunk would be the last
            self._connection.send(b"%x\r\n%b\r\n" % (len(self._pending), bytes(self._pending)))
            self._pending.clear()


def _send(
    connection: _Connection, image: ExportImage, tags: tuple[Reference, ...], open_blob: OpenBlob
) -> None:
    connection.putrequest("POST", _TARGET)
    connection.putheader("Content-Type", "application/x-tar")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    body = _ChunkedBody(connection)
    write_docker_archive(image, body, tags, open_blob)
    body.end()


def _answer(connection: _Connection, socket_path: Path, image: ExportImage) -> str:
    try:
        response = connection.getresponse()
        text = response.read(_LONGEST_ANSWER)
    except (OSError, http.client.HTTPException) as error:
        raise _silent(socket_path, error) from error
    messages = list(_messages(text))
    wrong = [reason for message in messages if (reason := _reason(message))]
    if response.status != http.client.OK or wrong:
        said = "; ".join(wrong) or f"HTTP status {response.status}"
        raise StateError(
            f"the Docker daemon at {socket_path} did not load the image: {said}",
            hint=_hint(image),
        )
    return "".join(str(message.get("stream", "")) for message in messages).strip()


def _silent(socket_path: Path, error: Exception) -> StateError:
    reason = str(error) or type(error).__name__
    return StateError(
        f"the Docker daemon at {socket_path} did not answer: {reason}",
        hint="look into the daemon's log",
    )


def _messages(text: bytes) -> Iterator[dict[str, Any]]:
    """The JSON values of the answer, a line each; what is none is taken as an error."""
    for line in text.decode(errors="replace").splitlines():
        if line.strip():
            try:
                message = json.loads(line)
            except ValueError:
                message = {"error": line}
            yield message if isinstance(message, dict) else {"error": line}


def _reason(message: dict[str, Any]) -> str:
    """What went wrong: in the stream after status 200, or as the body of another status."""
    return str(message.get("error") or message.get("message") or "")


def _hint(image: ExportImage) -> str:
    if image.needs_docker_23:
        return f"{ZSTD_REFUSED}: use compression=gzip"
    return "look into the daemon's log; is its disk full?"
