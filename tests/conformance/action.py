"""Cases built by ours: the action image in plain containers, many cases in each."""

import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from conformance.case_file import Case
from conformance.image_tree import Layout
from conformance.own_bases import ensure_own_bases
from conformance.places import Places
from conformance.servers import serving
from tools.services import action_image, daemon, registries

CONTAINERS = 2
TIMEOUT_S = 1200
NO_ENV: Mapping[str, str] = MappingProxyType({})
CONTEXTS, IMAGES = "/workspace", "/builds"


@dataclass(frozen=True)
class Built:
    """How a case's build ended.

    Attributes:
        folder: Where its image is, an OCI layout.
        status: The exit code; None where the container ended before it.
        log: What it printed.
        started: When its container started, in seconds since 1970.
        places: What it could reach.
    """

    folder: Path
    status: int | None
    log: str
    started: float
    places: Places

    @property
    def layout(self) -> Layout:
        return Layout(self.folder / "image")

    @property
    def layers(self) -> list[str]:
        """The digests of its layers."""
        return [layer["digest"] for layer in self.layout.manifest["layers"] or []]


def build(
    cases: Sequence[Case], folder: Path, flags: Sequence[str] = (), env: Mapping[str, str] = NO_ENV
) -> Mapping[str, Built]:
    """Build cases, by name; each container builds its share one by one.

    Args:
        cases: Which ones.
        folder: Where contexts and images go.
        flags: Of every build.
        env: Variables of every build.
    """
    shares = [cases[number::CONTAINERS] for number in range(CONTAINERS)]
    folders = [folder / str(number) for number in range(CONTAINERS)]
    ensure_own_bases()
    with (
        serving(cases, folder / "served") as places,
        ThreadPoolExecutor(CONTAINERS) as pool,
    ):
        scripts = [
            "".join(commands(case, places, flags, {**env, **dict(case.env)}) for case in share)
            for share in shares
        ]
        results = pool.map(build_in_one_container, shares, folders, [places] * CONTAINERS, scripts)
        return {name: built for result in results for name, built in result.items()}


def build_in_one_container(
    cases: Sequence[Case], folder: Path, places: Places, script: str
) -> Mapping[str, Built]:
    """Build cases, by name, as consecutive commands of one job."""
    contexts, images = folder / "contexts", folder / "images"
    for case in cases:
        case.write(contexts / case.name, places)
        (images / case.name).mkdir(parents=True)

    started = time.time()
    container = subprocess.run(
        [
            *(daemon.DOCKER, "run", "--rm", "--interactive", "--network", "host"),
            *("--volume", f"{contexts}:{CONTEXTS}:ro", "--volume", f"{images}:{IMAGES}"),
            *("--entrypoint", "sh", action_image.NAME, "-s"),
        ],
        input=script,
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    return {
        case.name: result(images / case.name, container.stderr, started, places) for case in cases
    }


def commands(case: Case, places: Places, flags: Sequence[str], env: Mapping[str, str]) -> str:
    """Shell lines that build one case, and keep what it printed and how it ended."""
    context, folder = f"{CONTEXTS}/{case.name}", f"{IMAGES}/{case.name}"
    command = [
        *("env", *(f"{name}={value}" for name, value in env.items())),
        *("pybuild", "build", "--no-cache"),
        *("--registry-mirror", f"docker.io={registries.OPEN.host}"),
        *("--output", f"type=oci,tar=false,dest={folder}/image"),
        *(*flags, *case.flags_for(context, places), context),
    ]
    return f"{shlex.join(command)} </dev/null >{folder}/log 2>&1; echo $? >{folder}/status\n"


def result(folder: Path, complaint: str, started: float, places: Places) -> Built:
    """What a container has left of a case."""
    log, status = folder / "log", folder / "status"
    if not status.exists():
        return Built(folder, None, complaint, started, places)
    text = log.read_text(errors="replace")
    return Built(folder, int(status.read_text()), text, started, places)
