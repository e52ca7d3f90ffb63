"""Instructions → plan: what every stage does, with all variables expanded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pybuild.dockerfile.expand import ExpansionError, expand_words
from pybuild.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Command,
    Copy,
    Dockerfile,
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
from pybuild.events import BuildWarning
from pybuild.graph import history
from pybuild.graph.expose import exposed
from pybuild.graph.plan import (
    Action,
    Base,
    CopyAction,
    Files,
    FromContext,
    FromStage,
    ImageBase,
    Plan,
    RunAction,
    ScratchBase,
    Source,
    StageBase,
    StagePlan,
    Step,
    WorkdirAction,
)
from pybuild.graph.scope import Scope, expanded, missing, problem, used_without_arg
from pybuild.graph.signals import valid_signal
from pybuild.graph.stages import Links
from pybuild.graph.state import StageState
from pybuild.imagepath import ImagePath
from pybuild.oci.config import RunConfig
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference
from pybuild.ports import ResolvedImage

_LAYERS = (Run, Copy, Add, Workdir)
_URLS = ("http://", "https://", "git://", "ssh://", "git@")


def make_plan(
    dockerfile: Dockerfile,
    scope: Scope,
    links: tuple[Links, ...],
    resolved: Mapping[Reference, ResolvedImage],
) -> Plan:
    """The plan of the stages in links, the target last, their images resolved.

    Raises:
        DockerfileError: An instruction is wrong, or asks for what is not supported yet.
    """
    planner = _Planner(dockerfile, scope, resolved)
    for link in links:
        planner.add(link)
    return Plan(tuple(planner.stages), len(planner.stages) - 1, tuple(planner.unused_args()))


class _Planner:
    """Collects stages; those that only an image's files are copied from come as extra ones."""

    def __init__(
        self,
        dockerfile: Dockerfile,
        scope: Scope,
        resolved: Mapping[Reference, ResolvedImage],
    ) -> None:
        self.stages: list[StagePlan] = []
        self._dockerfile = dockerfile
        self._scope = scope
        self._resolved = resolved
        self._platform = Platform.parse(scope.platform_args["TARGETPLATFORM"])
        self._states: dict[int, StageState] = {}  # by index in the Dockerfile
        self._places: dict[int, int] = {}  # index in the Dockerfile → index in the plan
        self._images: dict[Reference, int] = {}

    def add(self, links: Links) -> None:
        """Plan one stage; those it needs have been added before."""
        sources = {name: self._source_place(source) for name, source in links.copies}
        state, base = self._start(links)
        index = len(self.stages)
        name = links.stage.source.name or f"stage-{links.stage.index}"
        reader = _StageReader(self._dockerfile, self._scope, state, sources)
        single = len(self._dockerfile.stages) == 1
        steps = tuple(reader.read(links.stage.instructions, "" if single else name))
        self._states[links.stage.index] = state
        self._places[links.stage.index] = index
        self.stages.append(
            StagePlan(
                index,
                name,
                self._platform,
                base,
                steps,
                state.run,
                tuple(state.history),
                state.author,
            )
        )

    def unused_args(self) -> Iterator[BuildWarning]:
        """A warning for each build-arg that no ARG of the planned stages declares."""
        declared = {name for arg in self._dockerfile.global_args for name, _ in arg.pairs}
        declared |= set(self._scope.platform_args)
        for state in self._states.values():
            declared.update(state.declared)
        for name in self._scope.given:
            if name not in declared and not used_without_arg(name):
                yield BuildWarning(
                    "UnusedBuildArg", f"build-arg {name} is not used: no ARG declares it"
                )

    def _start(self, links: Links) -> tuple[StageState, Base]:
        match links.base:
            case None:
                return StageState.on_image(RunConfig(working_dir="/"), ""), ScratchBase()
            case int(index):
                return StageState.on_stage(self._states[index]), StageBase(self._places[index])
            case Reference() as reference:
                image = self._resolved[reference]
                config = image.config
                if config.run.on_build:
                    raise missing(
                        self._dockerfile,
                        links.stage.source.location,
                        f"the ONBUILD instruction in the base image {reference}",
                    )
                return StageState.on_image(config.run, config.author), ImageBase(image)

    def _source_place(self, source: int | Reference) -> int:
        if isinstance(source, int):
            return self._places[source]
        if source not in self._images:
            self._images[source] = len(self.stages)
            base = ImageBase(self._resolved[source])
            index = len(self.stages)
            self.stages.append(
                StagePlan(index, str(source), self._platform, base, (), RunConfig(), ())
            )
        return self._images[source]


@dataclass(slots=True)
class _StageReader:
    """Reads a stage's instructions into its state, and gives the steps that make layers."""

    dockerfile: Dockerfile
    scope: Scope
    state: StageState
    sources: Mapping[str, int]

    def read(self, instructions: tuple[Instruction, ...], stage_name: str) -> Iterator[Step]:
        """The steps of the instructions; stage_name is empty where there is only one stage."""
        total = 1 + sum(isinstance(instruction, _LAYERS) for instruction in instructions)
        number = 1  # FROM is the first, as BuildKit counts
        for instruction in instructions:
            action = _READERS[type(instruction)](self, instruction)
            if action is not None:
                number += 1
                where = f"{stage_name} {number}/{total}".strip()
                text = " ".join(instruction.original.split())
                place = len(self.state.history) - 1
                yield Step(instruction.location, f"[{where}] {text}", action, place)

    def word(self, instruction: Instruction, word: str) -> str:
        return expanded(self.dockerfile, instruction.location, word, self.state.env)

    def note(self, created_by: str, *, layer: bool = False) -> None:
        entry = history.made_layer(created_by) if layer else history.made_none(created_by)
        self.state.history.append(entry)

    def command(self, command: Command) -> tuple[str, ...]:
        return (*self.state.shell, *command.words) if command.shell else command.words

    def refuse(self, instruction: Instruction, asked: Mapping[str, object]) -> None:
        """An error for the first thing that is asked for and not built yet."""
        for what, value in asked.items():
            if value:
                raise missing(self.dockerfile, instruction.location, what)

    # -- instructions that make a layer

    def run(self, run: Run) -> Action:
        network = "" if run.network == "default" else run.network
        security = "" if run.security == "sandbox" else run.security
        self.refuse(
            run,
            {
                "RUN --mount": run.mounts,
                f"RUN --network={network}": network,
                f"RUN --security={security}": security,
                "RUN --device": run.devices,
                "a here-document in RUN": run.heredocs,
            },
        )
        argv = self.command(run.command)
        if not argv or not any(run.command.words):
            raise problem(self.dockerfile, run.location, "RUN requires at least one argument")
        state = self.state
        self.note(history.run_text(argv, state.args), layer=True)
        return RunAction(
            argv,
            tuple(state.env.items()),
            tuple(p for p in self.scope.proxies() if p[0] not in state.env),
            state.run.user,
            state.workdir,
        )

    def copy(self, copy: Copy) -> Action:
        self.refuse(copy, {"COPY --parents": copy.parents})
        source: Source = FromStage(self.sources[copy.from_]) if copy.from_ else FromContext()
        return self._place(copy, source)

    def add(self, add: Add) -> Action:
        self.refuse(
            add,
            {
                "ADD --checksum": add.checksum,
                "ADD --keep-git-dir": add.keep_git_dir,
                "ADD --unpack": add.unpack is not None,
            },
        )
        action = self._place(add, FromContext())
        for source in add.sources:
            if source.startswith(_URLS):
                raise missing(self.dockerfile, add.location, f"ADD of a remote source ({source})")
        return action

    def _place(self, copy: Copy | Add, source: Source) -> CopyAction:
        name = "ADD" if isinstance(copy, Add) else "COPY"
        self.refuse(
            copy,
            {
                f"{name} --link": copy.link,
                f"{name} --exclude": copy.exclude,
                f"a here-document in {name}": copy.heredocs,
            },
        )
        sources = tuple(self.word(copy, word) for word in copy.sources)
        destination = self.word(copy, copy.destination)
        flags = {
            "chown": self.word(copy, copy.chown),
            "chmod": self.word(copy, copy.chmod),
        }
        self.note(history.copy_text(copy, sources, destination, flags), layer=True)
        return CopyAction(
            (Files(source, sources),), destination, self.state.workdir, flags["chown"],
            flags["chmod"],
            add=isinstance(copy, Add),
        )  # fmt: skip

    def workdir(self, workdir: Workdir) -> Action | None:
        path = self.word(workdir, workdir.path)  # of an empty variable: no move, but a layer
        joined = str(ImagePath.parse(self.state.workdir).join(path))
        self.state.run = replace(self.state.run, working_dir=joined)
        makes_layer = joined != "/"
        self.note(f"WORKDIR {joined}", layer=makes_layer)
        return WorkdirAction(joined, self.state.run.user) if makes_layer else None

    # -- instructions that change the configuration

    def env(self, env: Env) -> None:
        pairs = [(self.word(env, name), self.word(env, value)) for name, value in env.pairs]
        for name, value in pairs:
            self.state.set_env(name, value)
        self.note(history.pairs_text("ENV", pairs))

    def label(self, label: Label) -> None:
        pairs = [(self.word(label, name), self.word(label, value)) for name, value in label.pairs]
        self.state.run = self.state.run.with_labels(dict(pairs))
        self.note(history.pairs_text("LABEL", pairs))

    def arg(self, arg: Arg) -> None:
        shown: list[tuple[str, str | None]] = []
        for name, default in arg.pairs:
            filled = None if default is None else self.word(arg, default)
            value = self.scope.value(name, filled)
            self.state.declare_arg(name, value)
            shown.append((name, value))
        self.note(history.pairs_text("ARG", shown))

    def user(self, user: User) -> None:
        name = self.word(user, user.user)
        self.state.run = replace(self.state.run, user=name)
        self.note(f"USER {name}")

    def cmd(self, cmd: Cmd) -> None:
        words = self.command(cmd.command)
        self.state.run = replace(self.state.run, cmd=words, args_escaped=True)
        self.state.cmd_set = True
        self.note(history.words_text("CMD", words))

    def entrypoint(self, entrypoint: Entrypoint) -> None:
        words = self.command(entrypoint.command)
        self.state.run = replace(self.state.run, entrypoint=words)
        if not self.state.cmd_set:
            self.state.run = replace(self.state.run, cmd=None)
        self.note(history.words_text("ENTRYPOINT", words))

    def expose(self, expose: Expose) -> None:
        try:
            words = [
                word
                for text in expose.ports
                for word in expand_words(text, self.state.env, escape=self.dockerfile.escape)
            ]
            ports = exposed(words)
        except (ExpansionError, ValueError) as error:
            raise problem(self.dockerfile, expose.location, str(error)) from None
        merged = tuple(sorted({*self.state.run.exposed_ports, *ports}))
        self.state.run = replace(self.state.run, exposed_ports=merged)
        self.note(history.list_text("EXPOSE", ports))

    def volume(self, volume: Volume) -> None:
        paths = [self.word(volume, path) for path in volume.paths]
        if not all(paths):
            message = "VOLUME specified can not be an empty string"
            raise problem(self.dockerfile, volume.location, message)
        merged = tuple(sorted({*self.state.run.volumes, *paths}))
        self.state.run = replace(self.state.run, volumes=merged)
        self.note(history.list_text("VOLUME", paths))

    def shell(self, shell: Shell) -> None:
        self.state.run = replace(self.state.run, shell=shell.words)
        self.note(history.list_text("SHELL", shell.words))

    def stop_signal(self, stop: StopSignal) -> None:
        signal = self.word(stop, stop.signal)
        if not valid_signal(signal):
            message = f"invalid signal: {signal}"
            raise problem(self.dockerfile, stop.location, message)
        self.state.run = replace(self.state.run, stop_signal=signal)
        self.note(f"STOPSIGNAL {signal}")

    def maintainer(self, maintainer: Maintainer) -> None:
        self.state.author = maintainer.name
        self.note(f"MAINTAINER {maintainer.name}")

    def not_yet(self, instruction: HealthCheck | OnBuild) -> None:
        name = type(instruction).__name__.upper()
        raise missing(self.dockerfile, instruction.location, name)


_READERS: dict[type, Callable[[_StageReader, Any], Action | None]] = {
    Run: _StageReader.run,
    Copy: _StageReader.copy,
    Add: _StageReader.add,
    Workdir: _StageReader.workdir,
    Env: _StageReader.env,
    Label: _StageReader.label,
    Arg: _StageReader.arg,
    User: _StageReader.user,
    Cmd: _StageReader.cmd,
    Entrypoint: _StageReader.entrypoint,
    Expose: _StageReader.expose,
    Volume: _StageReader.volume,
    Shell: _StageReader.shell,
    StopSignal: _StageReader.stop_signal,
    Maintainer: _StageReader.maintainer,
    HealthCheck: _StageReader.not_yet,
    OnBuild: _StageReader.not_yet,
}
"""How each instruction is read; FROM starts a stage and is not among them."""
