"""What of an image is compared: its configuration, its history and every file.

Base images differ between machines, so what they bring is left out: their layers and history,
fields of the configuration that are as in the base, and files that no later layer has changed.
"""

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from conformance.image_tree import Layout, Node
from tools.services import registries

BASES = ("busybox:latest", "debian:bookworm-slim")
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"

# A RUN needs them as mount points. BuildKit leaves those in the layer that the base has not.
MOUNT_POINTS = ("/dev", "/proc", "/sys")

# What a builder places may come from its cache, and be older than the build.
CACHED_S = 24 * 60 * 60

# The machine's own program, which cases may copy.
PROGRAM = "busybox"


@dataclass(frozen=True)
class Base:
    """What an image is built on; nothing for `FROM scratch`."""

    layers: tuple[str, ...] = ()
    history: int = 0
    config: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Times:
    """What of times can be compared."""

    started: float
    directories: bool

    def simplify(self, facts: dict[str, Any], in_base: int | None) -> None:
        """Replace a time that is another one in each build, or with each base, by a word."""
        if "mtime" not in facts:
            return
        if facts["type"] == "directory" and not self.directories:
            del facts["mtime"]
        elif facts["mtime"] == in_base:
            facts["mtime"] = "as in the base"
        elif facts["mtime"] > self.started - CACHED_S:
            facts["mtime"] = "now"


def observe(layout: Layout, started: float, *, directory_times: bool) -> dict[str, Any]:
    """The image as a JSON value.

    Args:
        layout: Where the image is.
        started: When its build started, in seconds since 1970; times since then are "now".
        directory_times: Whether directories' times count. BuildKit's own change from build to
            build where files are written into a directory.
    """
    config = layout.config
    base = base_of(config)
    history = (config.get("history") or [])[base.history :]
    return {
        "config": configuration(config["config"], base.config or {}),
        **({"author": config["author"]} if config.get("author") else {}),
        **({"annotations": found} if (found := layout.manifest.get("annotations")) else {}),
        "platform": f"{config['os']}/{config['architecture']}",
        "history": [
            ("empty: " if entry.get("empty_layer") else "layer: ") + entry["created_by"]
            for entry in history
        ],
        "layers": len(config["rootfs"]["diff_ids"] or []) - len(base.layers),
        **changes(layout, base, Times(started, directories=directory_times)),
    }


def configuration(config: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that a base has not given; Env whole, since bases may name PATH or not."""
    labels = {
        name: value
        for name, value in (config.get("Labels") or {}).items()
        if (base.get("Labels") or {}).get(name) != value
    }
    found = {
        name: config.get(name)
        for name in sorted(config.keys() | base.keys())
        if (config.get(name) or None) != (base.get(name) or None) or name == "Env"
    }
    return found | {"Labels": labels or None} if "Labels" in found else found


def changes(layout: Layout, base: Base, times: Times) -> dict[str, Any]:
    """Every file that differs from the base's, and what of the base is gone."""
    before = layout.tree(len(base.layers))
    after = layout.tree()
    files = {}
    for path in sorted(after.keys() - set(MOUNT_POINTS)):
        old = described(path, before[path]) if path in before else {}
        new = described(path, after[path])
        old_time = old.get("mtime")
        for facts in filter(None, (old, new)):
            times.simplify(facts, old_time)
        if new != old:
            files[path] = new
    gone = before.keys() - after.keys()
    return {
        "files": files,
        "gone": sorted(path for path in gone if path.rpartition("/")[0] not in gone),
    }


def described(path: str, node: Node) -> dict[str, Any]:
    """A file as it is compared."""
    facts = dict(node.facts)
    if path.rpartition("/")[2] == PROGRAM:
        facts = {name: facts[name] for name in ("type", "mode", "owner")}
    if len(node.names) > 1:
        facts["names"] = sorted(node.names)
    return facts


def base_of(config: Mapping[str, Any]) -> Base:
    """The base image that an image starts with."""
    layers = config["rootfs"]["diff_ids"] or []
    for name in BASES:
        base = base_image(name)
        if tuple(layers[: len(base.layers)]) == base.layers:
            return base
    return Base()


@cache
def base_image(name: str) -> Base:
    """A base image, as the registry has it."""
    repository, _, tag = name.partition(":")
    digest = fetch(f"library/{repository}/manifests/{tag}")["config"]["digest"]
    config = fetch(f"library/{repository}/blobs/{digest}")
    layers = tuple(config["rootfs"]["diff_ids"])
    return Base(layers, len(config.get("history") or ()), config["config"])


def fetch(path: str) -> Any:
    """A document of the open registry."""
    address = f"http://{registries.OPEN.host}/v2/{path}"
    request = urllib.request.Request(address, headers={"Accept": MANIFEST})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
