"""What a Dockerfile offers to who builds it: its targets, and a target's arguments and mounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pybuild.dockerfile.instructions import Arg, Dockerfile, Run, Stage
from pybuild.dockerfile.location import Location
from pybuild.dockerfile.mounts import MountOptions, read_mount
from pybuild.dockerfile.source import Problem
from pybuild.graph.scope import Scope


@dataclass(frozen=True, slots=True)
class Target:
    """A stage that can be built."""

    name: str
    description: str
    base: str
    platform: str
    is_default: bool
    location: Location


@dataclass(frozen=True, slots=True)
class Argument:
    """A build argument; value is what it has without being given, or as it is given."""

    name: str
    description: str
    value: str
    location: Location


@dataclass(frozen=True, slots=True)
class Mounted:
    """A secret, an agent or a cache that a RUN mounts."""

    name: str
    required: bool
    location: Location


@dataclass(frozen=True, slots=True)
class Outline:
    """What a target can be given."""

    name: str
    description: str
    arguments: tuple[Argument, ...]
    secrets: tuple[Mounted, ...]
    agents: tuple[Mounted, ...]
    caches: tuple[Mounted, ...]


def targets(dockerfile: Dockerfile) -> tuple[Target, ...]:
    """Every stage with a name, and the last one."""
    last = len(dockerfile.stages) - 1
    return tuple(
        Target(
            stage.source.name,
            _described(dockerfile, stage.source.location, stage.source.name),
            stage.source.base,
            stage.source.platform,
            stage.index == last,
            stage.source.location,
        )
        for stage in dockerfile.stages
        if stage.source.name or stage.index == last
    )


def outline(dockerfile: Dockerfile, scope: Scope, stages: Iterable[Stage]) -> Outline:
    """What the stages that a target is made of can be given; the target is the last of them."""
    used = list(stages)
    mounts = [found for stage in used for found in _mounts(stage)]
    name = used[-1].source.name
    return Outline(
        name,
        _described(dockerfile, used[-1].source.location, name),
        tuple(_arguments(dockerfile, scope, used).values()),
        _named(mounts, "secret"),
        _named(mounts, "ssh"),
        _named(mounts, "cache"),
    )


def _arguments(
    dockerfile: Dockerfile, scope: Scope, stages: Iterable[Stage]
) -> dict[str, Argument]:
    of_stages = (i for stage in stages for i in stage.instructions if isinstance(i, Arg))
    found: dict[str, Argument] = {}
    for arg in (*dockerfile.global_args, *of_stages):
        for name, default in arg.pairs:
            known = found.get(name)
            value = scope.value(name, default) or ""
            described = _described(dockerfile, arg.location, name)
            if known is None:
                found[name] = Argument(name, described, value, arg.location)
            elif described and not known.description:
                found[name] = Argument(name, described, known.value or value, known.location)
    return found


def _mounts(stage: Stage) -> Iterator[tuple[MountOptions, Location]]:
    for instruction in stage.instructions:
        if isinstance(instruction, Run):
            for text in instruction.mounts:
                try:
                    yield read_mount(text, str), instruction.location
                except Problem:
                    continue  # a build says what is wrong with it


def _named(mounts: Iterable[tuple[MountOptions, Location]], kind: str) -> tuple[Mounted, ...]:
    found: dict[str, Mounted] = {}
    for options, location in mounts:
        if options.type != kind:
            continue
        name = options.id or _default_id(options)
        required = options.required or (name in found and found[name].required)
        place = found[name].location if name in found else location
        found[name] = Mounted(name, required, place)
    return tuple(found.values())


def _default_id(options: MountOptions) -> str:
    if options.type == "secret":
        return (options.target or options.source).rpartition("/")[2]
    return "default" if options.type == "ssh" else options.target


def _described(dockerfile: Dockerfile, location: Location, name: str) -> str:
    """The comment ``# NAME description`` above an instruction, without the name."""
    for number in range(location.first_line - 1, len(dockerfile.directives), -1):
        line = dockerfile.lines[number - 1].strip()
        if line and not line.startswith("#"):
            break
        first, _, rest = line[1:].strip().partition(" ")
        if name and first == name:
            return rest.strip()
    return ""
