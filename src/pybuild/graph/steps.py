"""A stage's instructions, one after the other → the steps that make layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pybuild.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    HealthCheck,
    Instruction,
    Label,
    Maintainer,
    OnBuild,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from pybuild.graph import metadata, placing, running
from pybuild.graph.links import Links
from pybuild.graph.plan import Action, Step
from pybuild.graph.reading import Reading

_LAYERS = (Run, Copy, Add, Workdir)

_READERS: Mapping[type, Callable[[Reading, Any], Action | None]] = {
    Run: running.run,
    Copy: placing.copy,
    Add: placing.add,
    Workdir: placing.workdir,
    Env: metadata.env,
    Label: metadata.label,
    Arg: metadata.arg,
    User: metadata.user,
    Cmd: metadata.cmd,
    Entrypoint: metadata.entrypoint,
    Expose: metadata.expose,
    Volume: metadata.volume,
    Shell: metadata.shell,
    StopSignal: metadata.stop_signal,
    Maintainer: metadata.maintainer,
    OnBuild: metadata.on_build,
    HealthCheck: metadata.health_check,
}
"""How each instruction is read; FROM starts a stage and is not among them."""


def read_steps(reading: Reading, links: Links, stage_name: str) -> Iterator[Step]:
    """The steps of a stage; its state is complete when they are all taken.

    Args:
        reading: The stage's state before its first instruction.
        links: Its instructions, the triggers of its base first.
        stage_name: For titles; empty where there is only one stage.
    """
    instructions = links.instructions
    total = 1 + sum(isinstance(instruction, _LAYERS) for instruction in instructions)
    number = 1  # FROM is the first, as BuildKit counts
    for place, instruction in enumerate(instructions):
        action = _READERS[type(instruction)](reading, instruction)
        if action is None:
            continue
        number += 1
        where = f"{stage_name} {number}/{total}".strip()
        trigger = "ONBUILD " if place < len(links.triggers) else ""
        title = f"[{where}] {trigger}{_title(instruction)}"
        yield Step(instruction.location, title, action, len(reading.state.history) - 1)


def _title(instruction: Instruction) -> str:
    text = " ".join(instruction.original.split())
    return text + running.summary(instruction) if isinstance(instruction, Run) else text
