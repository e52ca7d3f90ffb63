"""Programs of others that check our work: a GitHub runner, an image checker and a registry."""

import os
import shutil
import subprocess
from pathlib import Path

from tools.services import machine

MODULES = {
    "act": "github.com/nektos/act@v0.2.89",
    "crane": "github.com/google/go-containerregistry/cmd/crane@v0.22.1",
    "registry": "github.com/distribution/distribution/v3/cmd/registry@v3.1.0",
}


def ensure_programs() -> None:
    """Build the programs that the cache folder does not hold yet."""
    for name, module in MODULES.items():
        if not program(name).exists():
            environment = {**os.environ, "GOBIN": str(program(name).parent)}
            subprocess.run([go(), "install", module], check=True, env=environment)


def program(name: str) -> Path:
    """Where a program is, or will be."""
    return machine.cache() / "bin" / name


def go() -> str:
    """The Go command, which need not be on PATH."""
    return shutil.which("go") or "/usr/local/go/bin/go"
