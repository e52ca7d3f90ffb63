"""The action image, built by itself: in place, in a plain container, and pushed."""

import contextlib
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.services import action_image, daemon, machine, registries

# Kept out of the build by `.dockerignore`: large or secret things of a checkout.
IGNORED = (".git/HEAD", ".venv/bin/python", "src/pybuild/__pycache__/left.pyc", "secret.env")


@dataclass(frozen=True)
class SelfBuilt:
    """An image that was built, and what the build said."""

    reference: str
    log: str


@contextlib.contextmanager
def build(folder: Path) -> Iterator[SelfBuilt]:
    """Build the checkout as it is now, and have the result in the daemon for a while."""
    reference = f"{registries.OPEN.host}/self/pybuild-{secrets.token_hex(4)}:v1"
    command = [
        daemon.DOCKER, "run", "--rm", "--network", "host",
        "--volume", f"{checkout(folder / 'checkout')}:/workspace:ro", action_image.NAME, "build",
        "--registry-mirror", f"docker.io={registries.OPEN.host}",
        "--push", "--tag", reference, "/workspace",
    ]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise AssertionError(f"the image does not build itself:\n{done.stderr[-4000:]}")

    daemon.docker("pull", "--quiet", reference)
    try:
        yield SelfBuilt(reference, done.stderr)
    finally:
        daemon.docker("image", "rm", "--force", reference)


def checkout(target: Path) -> Path:
    """A copy of what the image is built of, so that nobody edits it meanwhile, with what a checkout
    has beside it."""
    for source in action_image.sources():
        copy = target / source.relative_to(machine.ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy)
    for name in IGNORED:
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("not for the image")
    return target
