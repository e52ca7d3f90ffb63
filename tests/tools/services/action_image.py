"""The action image, built from this checkout as `pybuild:test`."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from tools.services import daemon, machine

NAME = "pybuild:test"
LABEL = "pybuild.test.key"

# What the Dockerfile copies, and the rules about it.
SOURCES = ("Dockerfile", ".dockerignore", "LICENSE", "pyproject.toml", "README.md", "image", "src")


def ensure_image() -> None:
    """Build the image where the checkout differs from what it was built of."""
    digest = key()
    if daemon.label(NAME, LABEL) == digest:
        return
    os.environ["DOCKER_BUILDKIT"] = "1"
    daemon.docker(
        "build", "--network", "host", "--label", f"{LABEL}={digest}", "--tag", NAME, machine.ROOT
    )


def key() -> str:
    """A digest over names, modes and bytes of everything the image is built of."""
    digest = hashlib.sha256(daemon.label("debian:bookworm-slim", LABEL).__repr__().encode())
    for path in sources():
        executable = os.access(path, os.X_OK)
        digest.update(f"{path.relative_to(machine.ROOT)} {executable}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def sources() -> Iterator[Path]:
    """Every file that the image is built of, in a fixed order."""
    for name in SOURCES:
        path = machine.ROOT / name
        below = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in below:
            if file.is_file() and "__pycache__" not in file.parts:
                yield file
