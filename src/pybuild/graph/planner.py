"""Dockerfile → plan: the stages that are needed, each with its base, its steps and its image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from pybuild.dockerfile.flags import did_you_mean
from pybuild.dockerfile.instructions import Dockerfile
from pybuild.events import BuildWarning
from pybuild.graph import history
from pybuild.graph.contexts import NamedFiles
from pybuild.graph.links import SCRATCH, ImageKey, ImageUse, Links, Origin, Resolved
from pybuild.graph.plan import (
    Base,
    CopyAction,
    Files,
    FromContext,
    FromStage,
    ImageBase,
    Plan,
    ScratchBase,
    Source,
    StageBase,
    StagePlan,
    Step,
)
from pybuild.graph.reading import Reading
from pybuild.graph.scope import Scope, not_heard, used_without_arg
from pybuild.graph.state import StageState
from pybuild.graph.steps import read_steps
from pybuild.oci.config import RunConfig
from pybuild.oci.platform import Platform


def make_plan(
    dockerfile: Dockerfile,
    scope: Scope,
    links: tuple[Links, ...],
    resolved: Resolved,
) -> Plan:
    """The plan of the stages in links, the target last.

    Args:
        dockerfile: The file.
        scope: Its global arguments.
        links: Of ``reachable``, after which ``images`` had nothing left to resolve.
        resolved: Every image that they name.

    Raises:
        DockerfileError: An instruction is wrong, or asks for what cannot be honoured.
        HostUnsupported: It asks for rights that a build never has.
    """
    planner = _Planner(dockerfile, scope, resolved)
    for link in links:
        planner.add(link)
    return Plan(tuple(planner.stages), len(planner.stages) - 1, tuple(planner.unused_args()))


class _Planner:
    """Collects stages; those that only an image's files are taken from come as extra ones."""

    def __init__(self, dockerfile: Dockerfile, scope: Scope, resolved: Resolved) -> None:
        self.stages: list[StagePlan] = []
        self._dockerfile = dockerfile
        self._scope = scope
        self._resolved = resolved
        self._states: dict[int, StageState] = {}  # by index in the Dockerfile
        self._places: dict[int, int] = {}  # index in the Dockerfile → index in the plan
        self._extra: dict[ImageKey | None, int] = {}  # None is scratch

    def add(self, links: Links) -> None:
        """Plan one stage; those it needs have been added before."""
        source = links.stage.source
        name = source.name or f"stage-{links.stage.index}"
        sources = {text: self._source(origin) for text, origin in links.origins.items()}
        state, base, platform = self._start(links)
        reading = Reading(self._dockerfile, self._scope, state, sources)
        single = len(self._dockerfile.stages) == 1
        first = self._files_of_context(links, state)
        steps = (*first, *read_steps(reading, links, "" if single else name))
        self._states[links.stage.index] = state
        self._places[links.stage.index] = len(self.stages)
        self._append(name, platform, base, steps, state)

    def unused_args(self) -> Iterator[BuildWarning]:
        """A warning for each build-arg that nobody takes: no ARG of the stages, nor the builder."""
        declared = {name for arg in self._dockerfile.global_args for name, _ in arg.pairs}
        declared |= set(self._scope.platform_args)
        for state in self._states.values():
            declared.update(state.declared)
        for name, value in self._scope.given.items():
            if name not in declared and not_heard(name, value):
                yield BuildWarning("BuilderArgIgnored", f"build-arg {name} changes nothing here")
            elif name not in declared and not used_without_arg(name):
                near = did_you_mean(name, declared)
                message = f"build-arg {name} is not used: no ARG declares it{near}"
                yield BuildWarning("UnusedBuildArg", message)

    def _start(self, links: Links) -> tuple[StageState, Base, Platform]:
        """The state before the first instruction, and what it stands on."""
        match links.base:
            case int(index):
                parent = self._places[index]
                state = StageState.on_stage(self._states[index])
                return state, StageBase(parent), self.stages[parent].platform
            case ImageUse() as use:
                image = self._resolved[use.key]
                state = StageState.on_image(image.config.run, image.config.author)
                return state, ImageBase(image), use.platform
            case NamedFiles():
                return _empty(), ScratchBase(), links.platform
            case ScratchBase() as base:
                return _empty(), base, self._scope.platform  # BuildKit: --platform says nothing
            case _:
                assert_never(links.base)

    def _files_of_context(self, links: Links, state: StageState) -> tuple[Step, ...]:
        """The step of a stage that starts from a named context of files: they are its layer."""
        if not isinstance(links.base, NamedFiles):
            return ()
        name = links.base.name
        state.history.append(history.made_by_context(name))
        action = CopyAction((Files(FromContext(name), ("/",)),), "/", "/", "", "", add=False)
        title = f"[context {name}] load"
        return (Step(links.stage.source.location, title, action, 0),)

    def _source(self, origin: Origin) -> Source:
        match origin:
            case int(index):
                return FromStage(self._places[index])
            case NamedFiles(name):
                return FromContext(name)
            case ImageUse() as use:
                return FromStage(self._image(use))
            case ScratchBase() as base:
                return FromStage(self._extra_stage(None, SCRATCH, self._scope.platform, base))
            case _:
                assert_never(origin)

    def _image(self, use: ImageUse) -> int:
        base = ImageBase(self._resolved[use.key])
        return self._extra_stage(use.key, str(use.reference), use.platform, base)

    def _extra_stage(self, key: ImageKey | None, name: str, platform: Platform, base: Base) -> int:
        if key not in self._extra:
            self._extra[key] = len(self.stages)
            self._append(name, platform, base, (), None)
        return self._extra[key]

    def _append(
        self,
        name: str,
        platform: Platform,
        base: Base,
        steps: tuple[Step, ...],
        state: StageState | None,
    ) -> None:
        stage = StagePlan(
            len(self.stages),
            name,
            platform,
            base,
            steps,
            state.frozen() if state else RunConfig(),
            tuple(state.history) if state else (),
            state.author if state else "",
        )
        self.stages.append(stage)


def _empty() -> StageState:
    return StageState.on_image(RunConfig(working_dir="/"), "")
