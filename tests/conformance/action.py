"""Cases built by ours: the action image in plain containers, many cases in each."""

import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from conformance.case_file import Case
from conformance.image_tree import Layout
from tools.services import action_image, daemon, registries

CONTAINERS = 2
TIMEOUT_S = 600
CONTEXTS, IMAGES = "/workspace", "/builds"


@dataclass(frozen=True)
class Built:
    """How a case's build ended.

    Attributes:
        folder: Where its image is, an OCI layout.
        status: The exit code; None where the container ended before it.
        log: What it printed.
        started: When its container started, in seconds since 1970.
    """

    folder: Path
    status: int | None
    log: str
    started: float

    @property
    def layout(self) -> Layout:
        return Layout(self.folder / "image")


def build(cases: Sequence[Case], folder: Path) -> Mapping[str, Built]:
    """Build cases, by name; each container builds its share one by one."""
    shares = [cases[number::CONTAINERS] for number in range(CONTAINERS)]
    folders = [folder / str(number) for number in range(CONTAINERS)]
    with ThreadPoolExecutor(CONTAINERS) as pool:
        results = pool.map(build_in_one_container, shares, folders)
    return {name: built for result in results for name, built in result.items()}


def build_in_one_container(cases: Sequence[Case], folder: Path) -> Mapping[str, Built]:
    """Build cases, by name, as consecutive commands of one job."""
    contexts, images = folder / "contexts", folder / "images"
    for case in cases:
        case.write(contexts / case.name)
        (images / case.name).mkdir(parents=True)

    started = time.time()
    container = subprocess.run(
        [
            *(daemon.DOCKER, "run", "--rm", "--interactive", "--network", "host"),
            *("--volume", f"{contexts}:{CONTEXTS}:ro", "--volume", f"{images}:{IMAGES}"),
            *("--entrypoint", "sh", action_image.NAME, "-s"),
        ],
        input="".join(map(commands, cases)),
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    return {case.name: result(images / case.name, container.stderr, started) for case in cases}


def commands(case: Case) -> str:
    """Shell lines that build one case, and keep what it printed and how it ended."""
    context, folder = f"{CONTEXTS}/{case.name}", f"{IMAGES}/{case.name}"
    command = [
        *("pybuild", "build", "--no-cache"),
        *("--registry-mirror", f"docker.io={registries.OPEN.host}"),
        *("--output", f"type=oci,tar=false,dest={folder}/image"),
        *(*case.flags_for(context), context),
    ]
    return f"{shlex.join(command)} </dev/null >{folder}/log 2>&1; echo $? >{folder}/status\n"


def result(folder: Path, complaint: str, started: float) -> Built:
    """What a container has left of a case."""
    log, status = folder / "log", folder / "status"
    if not status.exists():
        return Built(folder, None, complaint, started)
    return Built(folder, int(status.read_text()), log.read_text(errors="replace"), started)
