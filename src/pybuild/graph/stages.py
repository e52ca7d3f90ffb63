"""Which stages the target needs, and what each name in them means: stage, image, files, nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pybuild.dockerfile.expand import used
from pybuild.dockerfile.flags import did_you_mean
from pybuild.dockerfile.instructions import Copy, Dockerfile, Instruction, Run, Stage
from pybuild.dockerfile.location import Location
from pybuild.dockerfile.mounts import mounted_from
from pybuild.dockerfile.source import Problem
from pybuild.errors import UsageError
from pybuild.graph.contexts import NamedContext, NamedContexts, NamedFiles, NamedImage
from pybuild.graph.links import SCRATCH, ImageKey, ImageUse, Links, Origin, Resolved, images
from pybuild.graph.names import StageNames, near_stage, target_stage
from pybuild.graph.plan import ScratchBase
from pybuild.graph.platforms import parse_platform
from pybuild.graph.scope import Scope, expanded, problem
from pybuild.graph.triggers import read_triggers, triggers_of
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference

__all__ = [
    "ImageKey",
    "ImageUse",
    "Links",
    "NamedContext",
    "NamedContexts",
    "NamedFiles",
    "NamedImage",
    "Resolved",
    "images",
    "near_stage",
    "reachable",
    "target_stage",
]

_DOCKER_SCRATCH = Reference.parse(SCRATCH)  # docker-image://scratch is no image


def reachable(
    dockerfile: Dockerfile,
    scope: Scope,
    target: Stage,
    contexts: NamedContexts | None = None,
    resolved: Resolved | None = None,
) -> tuple[Links, ...]:
    """The target and every stage it is made of, in the Dockerfile's order.

    Args:
        dockerfile: The file.
        scope: Its global arguments.
        target: The stage that is wanted.
        contexts: Named contexts.
        resolved: Images known so far; the triggers of others are not among the links yet.

    Raises:
        DockerfileError: A name means nothing, or something that comes too late.
    """
    linker = _Linker(dockerfile, scope, contexts or NamedContexts(), resolved or {})
    links: dict[int, Links] = {}
    waiting = [target]
    while waiting:
        stage = waiting.pop()
        if stage.index in links:
            continue
        links[stage.index] = linker.link(stage)
        waiting += [dockerfile.stages[index] for index in links[stage.index].used_stages()]
    return tuple(links[index] for index in sorted(links))


@dataclass(slots=True)
class _Linker:
    dockerfile: Dockerfile
    scope: Scope
    contexts: NamedContexts
    resolved: Resolved
    names: StageNames = field(init=False)

    def __post_init__(self) -> None:
        self.names = StageNames(self.dockerfile.stages)

    def link(self, stage: Stage) -> Links:
        replacement = self._replacement(stage)
        if replacement is not None:
            return Links(stage, self._platform(stage), replacement, {}, replaced=True)
        base = self._base(stage)
        triggers = self._triggers(stage, base)
        origins = dict(self._origins(stage, (*triggers, *stage.instructions)))
        return Links(stage, self._platform(stage), base, origins, triggers)

    def _base(self, stage: Stage) -> Origin:
        source = stage.source
        base = expanded(self.dockerfile, source.location, source.base, self.scope.for_from)
        if not base:
            message = f"base name ({source.base}) should not be blank"
            raise problem(self.dockerfile, source.location, message, self._missing(source.base))
        earlier = self.names.before(base, stage.index)
        if earlier is not None:
            return self._stage(earlier)
        if base == SCRATCH:
            return ScratchBase()
        return self._outside(base, source.location, self._platform(stage))

    def _missing(self, word: str) -> str:
        known = self.scope.for_from
        absent = sorted(name for name in used(word) if name not in known)
        guess = did_you_mean(absent[0], known, prefix="$") if absent else ""
        return f"give its ARG a default before the first FROM, or pass --build-arg{guess}"

    def _triggers(self, stage: Stage, base: Origin) -> tuple[Instruction, ...]:
        location = stage.source.location
        if isinstance(base, int):
            parent = self.dockerfile.stages[base]
            name = f"stage {parent.source.name or base}"
            return read_triggers(triggers_of(parent), name, self.dockerfile, location)
        if isinstance(base, ImageUse) and base.key in self.resolved:
            texts = self.resolved[base.key].config.run.on_build
            return read_triggers(texts, str(base.reference), self.dockerfile, location)
        return ()

    def _origins(
        self, stage: Stage, instructions: tuple[Instruction, ...]
    ) -> Iterator[tuple[str, Origin]]:
        for instruction in instructions:
            if isinstance(instruction, Copy) and instruction.from_:
                yield instruction.from_, self._copied(stage, instruction)
            elif isinstance(instruction, Run):
                for name, target in self._mounted(instruction):
                    yield name, self._mount(stage, instruction, name, target)

    def _mounted(self, run: Run) -> Iterator[tuple[str, str]]:
        for text in run.mounts:
            try:
                name, target = mounted_from(text)
            except Problem as error:
                raise problem(self.dockerfile, run.location, error.message, error.hint) from None
            if name:
                yield name, target

    def _copied(self, stage: Stage, copy: Copy) -> Origin:
        name = copy.from_
        if "$" in name:
            raise problem(
                self.dockerfile,
                copy.location,
                "variable expansion is not supported for --from, define a new stage with FROM "
                "using ARG from global scope as a workaround",
            )
        found = self.names.find(name)
        if found is None and name.lstrip("-+").isdecimal():
            raise problem(self.dockerfile, copy.location, f"invalid stage index {name}")
        late = (
            f'cannot copy from stage "{name}", it needs to be defined before current stage '
            f'"{_called(stage)}"'
        )
        return self._origin(stage, copy.location, name, found, late)

    def _mount(self, stage: Stage, run: Run, name: str, target: str) -> Origin:
        late = (
            f'cannot mount from stage "{name}" to "{target}", stage needs to be defined before '
            "current command"
        )
        return self._origin(stage, run.location, name, self.names.find(name), late)

    def _origin(
        self, stage: Stage, location: Location, name: str, found: Stage | None, late: str
    ) -> Origin:
        if name == SCRATCH:
            return ScratchBase()
        if found is None:
            return self._outside(name, location, self.scope.platform)
        origin = self._stage(found)
        if isinstance(origin, int) and origin >= stage.index:
            if self._leads_to(found, stage):
                late = f"circular dependency detected on stage: {_called(stage)}"
            raise problem(self.dockerfile, location, late)
        return origin

    def _leads_to(self, found: Stage, stage: Stage) -> bool:
        """Whether a later stage needs an earlier one, by what its instructions name."""
        seen: set[int] = set()
        waiting = [found]
        while waiting:
            one = waiting.pop()
            if one.index == stage.index:
                return True
            if one.index not in seen:
                seen.add(one.index)
                waiting += [named for named in map(self.names.find, _names(one)) if named]
        return False

    def _stage(self, stage: Stage) -> Origin:
        replacement = self._replacement(stage)
        return stage.index if replacement is None else replacement

    def _replacement(self, stage: Stage) -> Origin | None:
        if not stage.source.name or not self.contexts.by_key:
            return None
        platform = self._platform(stage)
        named = self.contexts.find(stage.source.name, platform)
        return None if named is None else _meant(named, stage.source.location, platform)

    def _outside(self, name: str, location: Location, platform: Platform) -> Origin:
        """A named context, or else an image."""
        named = self.contexts.find(name, platform)
        if named is not None:
            return _meant(named, location, platform)
        try:
            return ImageUse(Reference.parse(name), location, platform)
        except UsageError as error:
            raise problem(self.dockerfile, location, error.message) from None

    def _platform(self, stage: Stage) -> Platform:
        source = stage.source
        if not source.platform:
            return self.scope.platform
        text = expanded(self.dockerfile, source.location, source.platform, self.scope.for_from)
        if not text:
            message = f"empty platform value from expression {source.platform}"
            hint = self._missing(source.platform)
            raise problem(self.dockerfile, source.location, message, hint)
        try:
            return parse_platform(text)
        except UsageError as error:
            message = f"failed to parse platform {source.platform}: {error.message}"
            raise problem(self.dockerfile, source.location, message, error.hint) from None


def _meant(named: NamedContext, location: Location, platform: Platform) -> Origin:
    if not isinstance(named, NamedImage):
        return named
    if named.reference == _DOCKER_SCRATCH:
        return ScratchBase()
    return ImageUse(named.reference, location, platform)


def _called(stage: Stage) -> str:
    return stage.source.name or f"stage-{stage.index}"


def _names(stage: Stage) -> Iterator[str]:
    """What a stage names, without following variables or complaining."""
    yield stage.source.base
    for instruction in stage.instructions:
        if isinstance(instruction, Copy):
            yield instruction.from_
        elif isinstance(instruction, Run):
            for text in instruction.mounts:
                try:
                    yield mounted_from(text)[0]
                except Problem:
                    continue
