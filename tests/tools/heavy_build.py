"""Builds that are large in one respect, and the memory that they take."""

import contextlib
import secrets
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from e2e import images, projects
from tools.container_memory import MemoryPeak
from tools.docker_registry import docker_registry
from tools.services import registries

BLOCK_BYTES = 1 << 20
FILES_A_DIRECTORY = 1000

BASE_BYTES = 100_000_000
BYTES_A_FILE = 250


@dataclass(frozen=True)
class Heavy:
    """What a build took."""

    peak_bytes: int
    allowed_bytes: int


def allowed_bytes(files: int) -> int:
    """The most that a build of so many files may take."""
    return BASE_BYTES + BYTES_A_FILE * files


def build(
    run_image: Callable[..., subprocess.CompletedProcess[str]],
    make_context: Callable[[Path, str], Path],
    files: int,
    *,
    limited: bool = True,
) -> Heavy:
    """Build and push from a context in a plain container, while its memory is watched.

    Everything, the registry's storage too, is deleted at the end.

    Args:
        run_image: Starts the container.
        make_context: Makes the context in a folder, for a registry.
        files: How many files there are.
        limited: Whether the kernel holds the container to what it may take. That counts its own
            memory and the page cache too, which it takes back when it must.
    """
    limit = allowed_bytes(files)
    limits = [f"--memory={limit}", f"--memory-swap={limit}"] if limited else []
    name = f"pybuild-test-{secrets.token_hex(4)}"
    with _registry() as (folder, host), MemoryPeak(name) as memory:
        context = make_context(folder / "context", host)
        done = run_image(
            ["build", "--push", "--tag", f"{host}/heavy:v1", "/workspace"],
            mounts={context: "/workspace:ro"},
            options=["--name", name, *limits],
            timeout_s=3000,
        )
    assert done.returncode == 0, done.stderr
    assert memory.samples > 10
    return Heavy(memory.peak_bytes, limit)


@contextlib.contextmanager
def _registry() -> Iterator[tuple[Path, str]]:
    """A folder, and a registry with a base image that is kept there."""
    temporary = tempfile.TemporaryDirectory(prefix="pybuild-heavy-", dir="/var/tmp")
    with temporary as name, docker_registry(Path(name)) as registry:
        base = f"{registries.OPEN.host}/library/busybox:latest"
        images.crane(None, "copy", base, f"{registry.host}/base:v1")
        yield Path(name), registry.host


def large_file(size_bytes: int, folder: Path, host: str) -> Path:
    """A context with one file that hardly compresses, which a RUN copies."""
    text = f"FROM {host}/base:v1\nCOPY large /\nRUN cp /large /copy\n"
    context = projects.project(folder, {"Dockerfile": text})
    block = secrets.token_bytes(BLOCK_BYTES)
    with (context / "large").open("wb") as file:
        for _ in range(size_bytes // BLOCK_BYTES):
            file.write(block)
    return context


def many_files(files: int, folder: Path, host: str) -> Path:
    """A context with many small files, some of which a RUN changes."""
    text = f"FROM {host}/base:v1\nCOPY many /many\nRUN chmod -R 700 /many/0\n"
    context = projects.project(folder, {"Dockerfile": text})
    for number in range(files):
        path = context / "many" / str(number // FILES_A_DIRECTORY) / f"file-{number:07}.txt"
        if number % FILES_A_DIRECTORY == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(b"%d\n" % number)
    return context
