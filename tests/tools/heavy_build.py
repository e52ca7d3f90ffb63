"""Builds that are large in one respect, and the memory that they take."""

import secrets
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from e2e import projects
from tools.container_memory import MemoryPeak

BLOCK_BYTES = 1 << 20

BASE_BYTES = 100_000_000
BYTES_A_FILE = 250
"""What a build may take at most."""


@dataclass(frozen=True)
class Heavy:
    """What a build took."""

    peak_bytes: int
    files: int

    @property
    def allowed_bytes(self) -> int:
        """The most that it may take."""
        return BASE_BYTES + BYTES_A_FILE * self.files


def build(
    run_image: Callable[..., subprocess.CompletedProcess[str]],
    reference: str,
    context: Path,
    files: int,
) -> Heavy:
    """Build and push from a context in a plain container, while its memory is watched."""
    name = f"pybuild-test-{secrets.token_hex(4)}"
    with MemoryPeak(name) as memory:
        done = run_image(
            ["build", "--push", "--tag", reference, "/workspace"],
            mounts={context: "/workspace:ro"},
            options=["--name", name],
            timeout_s=3000,
        )
    assert done.returncode == 0, done.stderr
    assert memory.samples > 10
    return Heavy(memory.peak_bytes, files)


def large_file(folder: Path, host: str, size_bytes: int) -> Path:
    """A context with one file that hardly compresses, which a RUN copies."""
    text = f"FROM {host}/library/busybox:latest\nCOPY large /\nRUN cp /large /copy\n"
    context = projects.project(folder, {"Dockerfile": text})
    block = secrets.token_bytes(BLOCK_BYTES)
    with (context / "large").open("wb") as file:
        for _ in range(size_bytes // BLOCK_BYTES):
            file.write(block)
    return context


def many_files(folder: Path, host: str, files: int, a_directory: int = 1000) -> Path:
    """A context with many small files, some of which a RUN changes."""
    text = f"FROM {host}/library/busybox:latest\nCOPY many /many\nRUN chmod -R 700 /many/0\n"
    context = projects.project(folder, {"Dockerfile": text})
    for number in range(files):
        path = context / "many" / str(number // a_directory) / f"file-{number:07}.txt"
        if number % a_directory == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(b"%d\n" % number)
    return context
