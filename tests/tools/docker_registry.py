"""The reference registry (``docker-registry``) on a free loopback port, for one test."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

USER, PASSWORD = "user", "correct horse"


@dataclass(frozen=True)
class DockerRegistry:
    """A registry that runs."""

    host: str
    folder: Path

    def requests(self) -> list[str]:
        """Method and target of each request so far, the start's own questions left out."""
        lines = (self.folder / "log").read_text().splitlines()
        found = [line.split('"')[1].removesuffix(" HTTP/1.1") for line in lines if '"' in line]
        return [line for line in found if line.startswith(("GET", "HEAD", "POST", "PUT"))]


@contextmanager
def docker_registry(folder: Path, *, private: bool = False) -> Iterator[DockerRegistry]:
    """Run a registry; one without its programs is an error, not a skipped test."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
    text = (
        "version: 0.1\n"
        "log: {level: error, accesslog: {disabled: false}}\n"
        f"storage: {{filesystem: {{rootdirectory: '{folder}/data'}}}}\n"
        f"http: {{addr: '{host}'}}\n"
    )
    if private:
        command = ["htpasswd", "-Bbn", USER, PASSWORD]
        passwords = subprocess.run(command, check=True, capture_output=True).stdout
        (folder / "htpasswd").write_bytes(passwords)
        text += f"auth: {{htpasswd: {{realm: tests, path: '{folder}/htpasswd'}}}}\n"
    (folder / "config.yml").write_text(text)
    command = ["docker-registry", "serve", str(folder / "config.yml")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait(host, process, folder)
            yield DockerRegistry(host, folder)
        finally:
            process.terminate()
            process.wait(10)


def _wait(host: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(f"http://{host}/", timeout=5):
                return
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
    raise RuntimeError("docker-registry did not start: " + (folder / "log").read_text())
