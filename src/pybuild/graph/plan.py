"""The plan of a build as a value: stages, their steps, and what each step reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from pybuild.dockerfile.location import Location
from pybuild.events import BuildWarning
from pybuild.oci.config import History, RunConfig
from pybuild.oci.platform import Platform
from pybuild.ports import RemoteSource, ResolvedImage


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
    """Files of a build context.

    Attributes:
        name: Of a named context (``--build-context``); empty is the main one.
    """

    name: str = ""


@dataclass(frozen=True, slots=True)
class FromStage:
    """Files of another stage; an image named in ``--from`` is a stage without steps."""

    index: int


Source = FromContext | FromStage


@dataclass(frozen=True, slots=True)
class Inline:
    """A file whose bytes stand in the Dockerfile (a here-document).

    Attributes:
        name: What the file is called; as written after ``<<``, so it may be a path.
        data: With variables expanded where the word was not quoted.
    """

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Files:
    """Files of a context or a stage.

    Attributes:
        paths: Expanded; relative to the source's root.
    """

    source: Source
    paths: tuple[str, ...]


Part = Files | Inline | RemoteSource
"""One thing that a COPY or an ADD places; they are placed in order, each on top of the others."""


@dataclass(frozen=True, slots=True)
class BindMount:
    """``--mount=type=bind``: files of a context, a stage or an image.

    Attributes:
        path: In the source; absolute, normalized; a directory or a file.
        target: Absolute.
        writable: Whether a RUN may write; what it writes is dropped.
    """

    source: Source
    path: str
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class CacheMount:
    """``--mount=type=cache``: a directory that outlives the build.

    Attributes:
        id: The cache's name; its target where none is given.
        sharing: ``shared``, ``private`` or ``locked``.
        source: What a new cache begins with, at ``path``; None is an empty directory.
        mode: Of a new cache, like uid and gid.
        read_only: The RUN may not write to it.
    """

    id: str
    target: str
    sharing: str = "shared"
    source: Source | None = None
    path: str = "/"
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class TemporaryMount:
    """``--mount=type=tmpfs``; size_bytes is None where no size is asked for."""

    target: str
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class SecretMount:
    """``--mount=type=secret``: a value given to the build, as a file, a variable or both.

    Attributes:
        target: Absolute; empty where only a variable is asked for.
        env: A variable's name, or empty.
        required: Whether a build without it fails; else the mount is left out.
    """

    id: str
    target: str = ""
    env: str = ""
    required: bool = False
    mode: int = 0o400
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True)
class SshMount:
    """``--mount=type=ssh``: the socket of an agent; ``SSH_AUTH_SOCK`` names it."""

    id: str
    target: str
    required: bool = False
    mode: int = 0o600
    uid: int = 0
    gid: int = 0


Mount = BindMount | CacheMount | TemporaryMount | SecretMount | SshMount


@dataclass(frozen=True, slots=True)
class RunAction:
    """Run a command.

    Attributes:
        argv: With the shell before it in the shell form.
        env: What the process sees and the key holds: the image's environment and the ARGs.
        proxy_env: What the process sees besides; in no key and no history.
        user: As USER wrote it, expanded; empty is root.
        workdir: Absolute.
        mounts: As written; one may lie in another's target.
        network: ``default``, ``none`` or ``host``.
        script: A here-document that is itself the program: it appears, executable and not to be
            written, at ``/dev/pipes/NAME``, which is ``argv[0]``.
    """

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    proxy_env: tuple[tuple[str, str], ...]
    user: str
    workdir: str
    mounts: tuple[Mount, ...] = ()
    network: str = "default"
    script: Inline | None = None


@dataclass(frozen=True, slots=True)
class CopyAction:
    """Place files.

    Attributes:
        parts: What is placed, in order.
        destination: Expanded; a trailing slash means a directory.
        workdir: What a relative destination starts from; absolute.
        chown: Expanded, or empty.
        chmod: Expanded, or empty.
        add: Whether ADD asks, which unpacks local archives.
        link: The layer does not look at what is below it: links in the destination are replaced,
            and names are those of an empty image.
        parents: The directories above each source are made below the destination, too.
        exclude: Patterns of names that are left out.
        unpack: Whether archives are unpacked, where ADD says so; None is local ones only.
    """

    parts: tuple[Part, ...]
    destination: str
    workdir: str
    chown: str
    chmod: str
    add: bool
    link: bool = False
    parents: bool = False
    exclude: tuple[str, ...] = ()
    unpack: bool | None = None


@dataclass(frozen=True, slots=True)
class WorkdirAction:
    """Make a directory, owned by the user in force, where it is not there yet."""

    path: str
    user: str


Action = RunAction | CopyAction | WorkdirAction


def sources_of(action: Action) -> tuple[Source, ...]:
    """The contexts and stages whose files an action reads, in order, each as often as it does."""
    match action:
        case RunAction(mounts=mounts):
            asked = (m.source for m in mounts if isinstance(m, BindMount | CacheMount))
            return tuple(source for source in asked if source is not None)
        case CopyAction(parts=parts):
            return tuple(part.source for part in parts if isinstance(part, Files))
        case WorkdirAction():
            return ()
        case _:
            assert_never(action)


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
        platform: Of its base, and of what its RUNs run.
        name: For people: its AS name, or ``stage-N``, or the image an extra stage stands for.
        run: The configuration after the last instruction.
        history: The stage's own entries; without ``created``, which is known when a step ran.
        author: From MAINTAINER, or the base's.
    """

    index: int
    name: str
    platform: Platform
    base: Base
    steps: tuple[Step, ...]
    run: RunConfig
    history: tuple[History, ...]
    author: str = ""

    def sources(self) -> tuple[int, ...]:
        """The stages whose files its steps read."""
        found = {
            source.index
            for step in self.steps
            for source in sources_of(step.action)
            if isinstance(source, FromStage)
        }
        return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class Plan:
    """Every stage that the target can need; an index is a stage's place in ``stages``.

    A stage's base and sources always come before it.
    """

    stages: tuple[StagePlan, ...]
    target: int
    warnings: tuple[BuildWarning, ...] = ()
