"""Two real registries on the loopback address: one open, one that wants a password."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tools.services import machine

USER = "user"
PASSWORD = "password"


@dataclass(frozen=True)
class Registry:
    """A registry that runs, or is to run, on this machine."""

    name: str
    port: int
    private: bool

    @property
    def host(self) -> str:
        """Its name in image references."""
        return f"127.0.0.1:{self.port}"

    @property
    def folder(self) -> Path:
        """Its storage, its configuration and its log."""
        return machine.cache() / "registry" / self.name

    @property
    def log(self) -> Path:
        """Its log, with a line in Apache's format for each request."""
        return self.folder / "log"


PORT = int(os.environ.get("PYBUILD_TEST_PORT", "15000"))
OPEN = Registry("open", PORT, private=False)
PRIVATE = Registry("private", PORT + 1, private=True)


def ensure_registries() -> None:
    """Have both registries answer."""
    for registry in (OPEN, PRIVATE):
        if not answers(registry):
            start(registry)
        if not registry.log.exists():
            raise SystemExit(
                f"{registry.host} is a registry of another cache folder; set PYBUILD_TEST_PORT"
            )


def start(registry: Registry) -> None:
    """Start a registry that goes on when the tests end."""
    registry.folder.mkdir(parents=True, exist_ok=True)
    configuration = registry.folder / "config.yml"
    configuration.write_text(render(registry))
    with registry.log.open("ab") as file:
        subprocess.Popen(
            ["docker-registry", "serve", configuration],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    for _ in range(100):
        if answers(registry):
            return
        time.sleep(0.1)
    raise SystemExit(f"the {registry.name} registry does not answer; see {registry.log}")


def render(registry: Registry) -> str:
    """A registry's configuration file."""
    text = (
        "version: 0.1\n"
        "log: {level: warn, accesslog: {disabled: false}}\n"
        "storage:\n"
        f"  filesystem: {{rootdirectory: '{registry.folder}/data'}}\n"
        "  delete: {enabled: true}\n"
        f"http: {{addr: '{registry.host}'}}\n"
    )
    if registry.private:
        passwords = registry.folder / "htpasswd"
        passwords.write_text(machine.output("htpasswd", "-Bbn", USER, PASSWORD) + "\n")
        text += f"auth: {{htpasswd: {{realm: tests, path: '{passwords}'}}}}\n"
    return text


def answers(registry: Registry) -> bool:
    """Whether the registry answers, and asks for a password if it should."""
    try:
        with urllib.request.urlopen(f"http://{registry.host}/v2/", timeout=5):
            return not registry.private
    except urllib.error.HTTPError as error:
        return registry.private and error.code == 401
    except OSError:
        return False
