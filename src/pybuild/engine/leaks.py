"""Secrets that end up where everybody can read them: in a layer, or in what the image says."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pybuild.engine.job import Job
from pybuild.events import BuildWarning
from pybuild.graph.plan import Plan, RunAction, SecretMount, Step
from pybuild.imagepath import ImagePath
from pybuild.masking import SHORTEST
from pybuild.tree.entry import FileContent, Item

RULE = "SecretInImage"
_PIECE = 1 << 20


def watched(items: Iterable[Item], step: Step, action: RunAction, job: Job) -> Iterator[Item]:
    """The items of a RUN's layer, with a warning for each file that holds a secret it was given.

    Files are read once more for that, but only of a RUN that mounts secrets.
    """
    mounted = {mount.id for mount in action.mounts if isinstance(mount, SecretMount)}
    values = {
        name: value for name, value in _long_values(job.inputs.secrets).items() if name in mounted
    }
    for item in items:
        if values and isinstance(item.content, FileContent):
            for name in _held(Path(os.fsdecode(item.content.path)), values):
                path = ImagePath(item.entry.path)
                job.tools.progress.warn(
                    RULE,
                    f"the value of secret {name} is in the layer, in {path}",
                    job.inputs.dockerfile.file,
                    step.location.first_line,
                )
        yield item


def said_in(plan: Plan, secrets: Mapping[str, bytes]) -> Iterator[BuildWarning]:
    """A warning for each secret whose value stands in the history or the environment."""
    target = plan.stages[plan.target]
    said = [entry.created_by for entry in target.history]
    said += [value for _, value in (*target.run.env, *target.run.labels)]
    for name, value in _long_values(secrets).items():
        text = value.decode(errors="replace")
        if any(text in one for one in said):
            yield BuildWarning(
                RULE, f"the value of secret {name} is in the image's history or configuration"
            )


def _long_values(secrets: Mapping[str, bytes]) -> dict[str, bytes]:
    stripped = {name: value.strip() for name, value in secrets.items()}
    return {name: value for name, value in stripped.items() if len(value) >= SHORTEST}


def _held(path: Path, values: Mapping[str, bytes]) -> Iterator[str]:
    """The names of the values that a file holds."""
    overlap = max(map(len, values.values())) - 1
    left = dict(values)
    tail = b""
    with path.open("rb") as file:
        while left and (piece := file.read(_PIECE)):
            window = tail + piece
            for name in [name for name, value in left.items() if value in window]:
                del left[name]
                yield name
            tail = window[-overlap:]
