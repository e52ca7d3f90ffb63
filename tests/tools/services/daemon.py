"""A Docker daemon: the one that answers, else one of our own."""

import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from tools.services import machine

# A `docker` earlier on PATH may be a client that wants a plug-in for `build`.
DOCKER = "/usr/bin/docker"
SOCKET = Path("/var/run/docker.sock")

# Containers of the tests share the machine's network, so the daemon needs neither a bridge nor
# netfilter.
OPTIONS = ("--bridge=none", "--iptables=false", "--ip6tables=false")


def ensure_daemon() -> None:
    """Have a daemon answer on the usual socket."""
    if answers():
        return

    log = machine.cache() / "dockerd.log"
    with log.open("wb") as file:
        subprocess.Popen(
            ["dockerd", *OPTIONS],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    for _ in range(120):
        if answers():
            return
        time.sleep(0.5)
    raise SystemExit(f"dockerd does not answer; the end of {log}:\n{log.read_text()[-2000:]}")


def answers() -> bool:
    """Whether a daemon answers on the usual socket."""
    asked = subprocess.run(
        [DOCKER, "--host", f"unix://{SOCKET}", "version"], check=False, capture_output=True
    )
    return asked.returncode == 0


def docker(*arguments: str | Path, stdin: Iterable[bytes] | bytes | None = None) -> str:
    """Run a docker command that must succeed, and return what it prints."""
    done = subprocess.run(
        [DOCKER, *arguments],
        check=False,
        input=stdin if isinstance(stdin, bytes) else None,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
    )
    if done.returncode:
        raise SystemExit(f"docker {' '.join(map(str, arguments))}:\n{done.stderr.decode()[-4000:]}")
    return done.stdout.decode().strip()


def label(image: str, name: str) -> str | None:
    """A label of an image in the daemon, or None where the image or the label is not there."""
    asked = subprocess.run(
        [DOCKER, "image", "inspect", "--format", f'{{{{index .Config.Labels "{name}"}}}}', image],
        check=False,
        capture_output=True,
        text=True,
    )
    return asked.stdout.strip() if asked.returncode == 0 else None
