"""Cold builds side by side: ours in overlay and in a default container, BuildKit, Buildah.

    sudo .venv/bin/python bench/cold.py --peers ROOT [--runs 3] [--workload small …]

Every run of every builder has its whole state on a fresh ext4 (a loop file), since creating files
after deleting many is slow on ext4 for minutes. All push to one registry and pull their base from
it; the order changes from round to round. Medians are printed, and their ratios to the best peer.
Needs the tests' services (``python -m tools.services`` in ``tests/``) and
``tests/tools/peers.sh ROOT install``. Kaniko joins where ``--kaniko IMAGE`` names an image of it.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "tests/tools/peers.sh"
REGISTRY = "127.0.0.1:15000"
SIZE = "24G"

SMALL = """\
FROM {registry}/library/debian:bookworm-slim
RUN perl -e 'for $d (1..400) {{ mkdir "/opt/$d"; for $f (1..100) {{ open F, ">/opt/$d/$f"; \
print F "$d $f " x (100 + ($d * $f) % 300); close F }} }}'
RUN echo done > /done
"""
LARGE = """\
FROM {registry}/library/debian:bookworm-slim
RUN head -c 512M /dev/urandom > /big && head -c 512M /dev/zero >> /big
RUN echo done > /done
"""


@dataclass(frozen=True)
class Place:
    """Where one run's state lies, and what it is given."""

    state: Path
    peers: Path
    context: Path
    tag: str


@dataclass(frozen=True)
class Builder:
    """A builder: what prepares it (not timed), and what is timed."""

    name: str
    prepare: Callable[[Place], None]
    command: Callable[[Place], Sequence[Sequence[str]]]
    cleanup: Callable[[Place], None]


def run(command: Sequence[str | Path]) -> None:
    # To a file: a daemon that a command starts would hold a pipe open.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        if done.returncode:
            output.seek(0)
            sys.exit(f"{command}: {done.returncode}\n{output.read()[-4000:]}")


def peers(place: Place, *arguments: str) -> list[str]:
    return [str(PEERS), str(place.peers), *arguments]


def nothing(_place: Place) -> None:
    pass


def start(place: Place) -> None:
    run(peers(place, "start"))


def stop(place: Place) -> None:
    run(peers(place, "stop"))
    time.sleep(1)


def load(image: str) -> Callable[[Place], None]:
    def prepare(place: Place) -> None:
        start(place)
        with tempfile.TemporaryDirectory(dir="/tmp") as folder:
            archive = f"{folder}/image.tar"
            run(["/usr/bin/docker", "save", "--output", archive, image])
            run(peers(place, "docker", "load", "--input", archive))

    return prepare


def ours_on_host(place: Place) -> list[list[str]]:
    program = str(ROOT / ".venv/bin/pybuild")
    flags = ["--rootfs", "overlay", "--state-dir", str(place.state), "--push", "--tag", place.tag]
    return [[program, "build", *flags, str(place.context)]]


def in_container(image: str, *flags: str) -> Callable[[Place], list[list[str]]]:
    def command(place: Place) -> list[list[str]]:
        mount = ["--volume", f"{place.context}:/workspace:ro"]
        rest = ["--context", "/workspace", "--destination", place.tag, *flags]
        return [peers(place, "docker", "run", "--rm", "--network", "host", *mount, image, *rest)]

    return command


def buildkit(place: Place) -> list[list[str]]:
    flags = ["--network", "host", "--provenance=false", "--push", "--tag", place.tag]
    return [peers(place, "docker", "buildx", "build", *flags, str(place.context))]


def buildah(place: Place) -> list[list[str]]:
    flags = ["--tls-verify=false", "--isolation", "chroot", "--network", "host", "--layers"]
    build = peers(place, "buildah", "build", *flags, "--tag", place.tag, str(place.context))
    return [build, peers(place, "buildah", "push", "--tls-verify=false", place.tag)]


def builders(image: str, kaniko: str) -> list[Builder]:
    found = [
        Builder("ours, overlay", nothing, ours_on_host, nothing),
        Builder("ours, container", load(image), in_container(image), stop),
        Builder("BuildKit", start, buildkit, stop),
        Builder("Buildah", nothing, buildah, nothing),
    ]
    if kaniko:
        flags = ("--insecure", "--insecure-pull")
        found.append(Builder("Kaniko", load(kaniko), in_container(kaniko, *flags), stop))
    return found


@contextlib.contextmanager
def fresh_filesystem(folder: Path) -> Iterator[None]:
    """A new ext4 mounted at a folder."""
    file = Path(tempfile.mkstemp(prefix="bench-", dir="/var/tmp")[1])
    try:
        run(["truncate", "--size", SIZE, file])
        run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", file])
        run(["mount", "-o", "loop", file, folder])
        try:
            yield
        finally:
            run(["umount", "--lazy", folder])
    finally:
        file.unlink()


def contexts(folder: Path) -> dict[str, Path]:
    """The workloads' build contexts, by name."""
    made = {}
    for name, text in (("small", SMALL), ("large", LARGE)):
        made[name] = folder / name
        made[name].mkdir()
        (made[name] / "Dockerfile").write_text(text.format(registry=REGISTRY))
    made["packages"] = folder / "packages"
    shutil.copytree(ROOT / "examples/whoami", made["packages"])
    dockerfile = made["packages"] / "Dockerfile"
    text = dockerfile.read_text().replace("FROM golang", f"FROM {REGISTRY}/library/golang")
    dockerfile.write_text(text)
    return made


def measure(builder: Builder, context: Path, peers_root: Path, number: int) -> float:
    """Seconds of one cold build and push."""
    folder = peers_root / "peers"
    name = builder.name.replace(", ", "-").lower()
    tag = f"{REGISTRY}/bench/{context.name}-{name}:{number}-{time.time_ns()}"
    with fresh_filesystem(folder):
        place = Place(folder / "state", peers_root, context, tag)
        builder.prepare(place)
        subprocess.run(["sync"], check=True)
        began = time.perf_counter()
        try:
            for command in builder.command(place):
                run(command)
            return time.perf_counter() - began
        finally:
            builder.cleanup(place)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--peers", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--image", default="pybuild:test")
    parser.add_argument("--kaniko", default="")
    parser.add_argument("--workload", nargs="*", default=["packages", "small", "large"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        made = contexts(Path(folder))
        for workload in given.workload:
            table: dict[str, list[float]] = {}
            every = builders(given.image, given.kaniko)
            for number in range(given.runs):
                for builder in every[number % len(every) :] + every[: number % len(every)]:
                    seconds = measure(builder, made[workload], given.peers, number)
                    table.setdefault(builder.name, []).append(seconds)
                    print(f"{workload} {number} {builder.name}: {seconds:.2f} s", flush=True)
            report(workload, table)


def report(workload: str, table: dict[str, list[float]]) -> None:
    medians = {name: statistics.median(values) for name, values in table.items()}
    best = min(value for name, value in medians.items() if not name.startswith("ours"))
    for name, value in medians.items():
        spread = f"{min(table[name]):.2f}-{max(table[name]):.2f}"
        ratio = f"{value / best:.2f} of the best peer" if name.startswith("ours") else ""
        print(f"{workload:9} {name:16} {value:7.2f} s  ({spread})  {ratio}")
    over = medians["ours, container"] / medians["ours, overlay"]
    print(f"{workload:9} container / overlay: {over:.2f}\n", flush=True)


if __name__ == "__main__":
    main()
