"""The plan of a build as a value: stages, their steps, and what each step reads."""

from __future__ import annotations

from dataclasses import dataclass

from pybuild.dockerfile.location import Location
from pybuild.events import BuildWarning
from pybuild.oci.config import History, RunConfig
from pybuild.ports import ResolvedImage


@dataclass(frozen=True, slots=True)
class ScratchBase:
    """``FROM scratch``."""


@dataclass(frozen=True, slots=True)
class ImageBase:
    """A base image, resolved."""

    image: ResolvedImage


@dataclass(frozen=True, slots=True)
class StageBase:
    """An earlier stage of the same Dockerfile."""

    index: int


Base = ScratchBase | ImageBase | StageBase


@dataclass(frozen=True, slots=True)
class FromContext:
    """Files of the build context."""


@dataclass(frozen=True, slots=True)
class FromStage:
    """Files of another stage; an image named in ``--from`` is a stage without steps."""

    index: int


Source = FromContext | FromStage


@dataclass(frozen=True, slots=True)
class RunAction:
    """Run a command.

    Attributes:
        argv: With the shell before it in the shell form.
        env: What the process sees and the key holds: the image's environment and the ARGs.
        proxy_env: What the process sees besides; in no key and no history.
        user: As USER wrote it, expanded; empty is root.
        workdir: Absolute.
    """

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    proxy_env: tuple[tuple[str, str], ...]
    user: str
    workdir: str


@dataclass(frozen=True, slots=True)
class CopyAction:
    """Place files.

    Attributes:
        sources: Expanded; relative to the source's root.
        destination: Expanded; a trailing slash means a directory.
        workdir: What a relative destination starts from; absolute.
        chown: Expanded, or empty.
        chmod: Expanded, or empty.
        add: Whether ADD asks, which unpacks archives.
    """

    source: Source
    sources: tuple[str, ...]
    destination: str
    workdir: str
    chown: str
    chmod: str
    add: bool


@dataclass(frozen=True, slots=True)
class WorkdirAction:
    """Make a directory, owned by the user in force, where it is not there yet."""

    path: str
    user: str


Action = RunAction | CopyAction | WorkdirAction


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction of a stage that makes a layer.

    Attributes:
        title: As in the log: ``[builder 2/7] RUN make``.
        history: Its place in the stage's history.
    """

    location: Location
    title: str
    action: Action
    history: int


@dataclass(frozen=True, slots=True)
class StagePlan:
    """A stage, ready to be keyed and run.

    Attributes:
        name: For people: its AS name, or ``stage-N``, or the image an extra stage stands for.
        run: The configuration after the last instruction.
        history: The stage's own entries; without ``created``, which is known when a step ran.
        author: From MAINTAINER, or the base's.
    """

    index: int
    name: str
    base: Base
    steps: tuple[Step, ...]
    run: RunConfig
    history: tuple[History, ...]
    author: str = ""

    def sources(self) -> tuple[int, ...]:
        """The stages whose files its steps copy."""
        actions = [step.action for step in self.steps]
        copies = [a.source for a in actions if isinstance(a, CopyAction)]
        return tuple(sorted({s.index for s in copies if isinstance(s, FromStage)}))


@dataclass(frozen=True, slots=True)
class Plan:
    """Every stage that the target can need; an index is a stage's place in ``stages``.

    A stage's base and sources always come before it.
    """

    stages: tuple[StagePlan, ...]
    target: int
    warnings: tuple[BuildWarning, ...] = ()
