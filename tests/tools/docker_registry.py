"""The reference registry on a free loopback port, for one test: Debian's 2.8, and version 3."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.services.programs import program

USER, PASSWORD = "user", "correct horse"

PROGRAMS = ("docker-registry", "registry")
"""By version: 2.8 is Debian's, 3 is built by ``tests/tools/services``."""

_OURS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class DockerRegistry:
    """A registry that runs."""

    host: str
    folder: Path

    def requests(self) -> list[str]:
        """Method and target of each request so far, the start's own questions left out."""
        lines = (self.folder / "log").read_text().splitlines()
        found = [line.split('"')[1].removesuffix(" HTTP/1.1") for line in lines if '"' in line]
        return [line for line in found if line.startswith(_OURS)]


@contextmanager
def docker_registry(
    folder: Path,
    *,
    private: bool = False,
    version: str = "docker-registry",
    certificate: Path | None = None,
    client_ca: Path | None = None,
) -> Iterator[DockerRegistry]:
    """Run a registry; one without its programs is an error, not a skipped test.

    Args:
        folder: For its storage and log.
        private: Whether it asks for a password.
        version: One of ``PROGRAMS``.
        certificate: A folder with cert.pem and key.pem; then it speaks https.
        client_ca: Who signs the certificates of those who may connect.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
    text = (
        "version: 0.1\n"
        "log: {level: error, accesslog: {disabled: false}}\n"
        f"storage: {{filesystem: {{rootdirectory: '{folder}/data'}}}}\n"
        f"http: {_http(host, certificate, client_ca)}\n"
    )
    if private:
        command = ["htpasswd", "-Bbn", USER, PASSWORD]
        passwords = subprocess.run(command, check=True, capture_output=True).stdout
        (folder / "htpasswd").write_bytes(passwords)
        text += f"auth: {{htpasswd: {{realm: tests, path: '{folder}/htpasswd'}}}}\n"
    (folder / "config.yml").write_text(text)
    built = program(version)
    command = [str(built) if built.exists() else version, "serve", str(folder / "config.yml")]
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}  # version 3 looks for a collector
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment
        )
        try:
            _wait(host, process, folder, secure=certificate is not None)
            yield DockerRegistry(host, folder)
        finally:
            process.terminate()
            process.wait(10)


def _http(host: str, certificate: Path | None, client_ca: Path | None) -> str:
    if certificate is None:
        return f"{{addr: '{host}'}}"
    clients = f", clientcas: ['{client_ca}']" if client_ca else ""
    tls = f"certificate: '{certificate}/cert.pem', key: '{certificate}/key.pem'{clients}"
    return f"{{addr: '{host}', tls: {{{tls}}}}}"


def _wait(host: str, process: subprocess.Popen[bytes], folder: Path, *, secure: bool) -> None:
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    url = f"{'https' if secure else 'http'}://{host}/"
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=5, context=unverified):
                return
        except urllib.error.HTTPError as error:
            error.close()
            return
        except ssl.SSLError:
            return  # it wants a client certificate
        except OSError as error:
            if isinstance(getattr(error, "reason", None), ssl.SSLError):
                return
            if process.poll() is not None:
                break
            time.sleep(0.05)
    raise RuntimeError("the registry did not start: " + (folder / "log").read_text())
