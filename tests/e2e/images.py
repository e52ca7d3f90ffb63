"""Images as docker and crane see them after a push."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.services import daemon
from tools.services.programs import program


def crane(config: Path | None, *arguments: str) -> str:
    """Run crane with the credentials of a ``config.json``."""
    folder = {} if config is None else {"DOCKER_CONFIG": str(config.parent)}
    done = subprocess.run(
        [program("crane"), *arguments],
        env={**os.environ, **folder},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def config_of(reference: str, config: Path | None = None) -> Mapping[str, Any]:
    """The configuration of a pushed image."""
    return json.loads(crane(config, "config", reference))


def layers_of(reference: str, config: Path | None = None) -> list[str]:
    """The digests of its layers."""
    return [layer["digest"] for layer in json.loads(crane(config, "manifest", reference))["layers"]]


def has_tag(reference: str, config: Path | None = None) -> bool:
    """Whether a registry knows the name."""
    try:
        crane(config, "digest", reference)
    except subprocess.CalledProcessError:
        return False
    return True


def output_of(reference: str, *command: str, config: Path | None = None) -> str:
    """Pull an image by docker, run it, and give what it prints."""
    options = [] if config is None else ["--config", str(config.parent)]
    docker = [daemon.DOCKER, *options]
    subprocess.run([*docker, "pull", "--quiet", reference], check=True, capture_output=True)
    done = subprocess.run(
        [*docker, "run", "--rm", "--network", "host", reference, *command],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout
