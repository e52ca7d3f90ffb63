"""The instructions of a Dockerfile as values.

Words are kept as written: variables are expanded where a stage's environment is known, in
``graph/``. Forms and names follow BuildKit's ``frontend/dockerfile/instructions``.
"""

from __future__ import annotations

from dataclasses import dataclass

from pybuild.dockerfile.location import Location, excerpt


@dataclass(frozen=True, slots=True)
class Heredoc:
    """A here-document.

    Attributes:
        name: The word without quotes.
        body: As written; in COPY and ADD without leading tabs where ``<<-`` asks for it.
        expand: Whether variables in it are expanded (no quoting in the word).
        descriptor: The number before ``<<``, or empty.
        chomp: Whether it was opened by ``<<-``.
    """

    name: str
    body: str
    expand: bool
    descriptor: str = ""
    chomp: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """What RUN, CMD and ENTRYPOINT hold.

    Attributes:
        words: The JSON array of the exec form, or the one text of the shell form.
        shell: Whether it is the shell form.
    """

    words: tuple[str, ...]
    shell: bool


@dataclass(frozen=True, slots=True)
class From:
    """``FROM [--platform=p] base [AS name]``; name is lower-cased, empty where there is none."""

    location: Location
    original: str
    base: str
    name: str = ""
    platform: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """``RUN [flags] command``.

    Attributes:
        mounts: The values of ``--mount``, as written, in order.
        network: The value of ``--network``, or empty.
        security: The value of ``--security``, or empty.
        devices: The values of ``--device``.
    """

    location: Location
    original: str
    command: Command
    mounts: tuple[str, ...] = ()
    network: str = ""
    security: str = ""
    devices: tuple[str, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()


@dataclass(frozen=True, slots=True)
class Copy:
    """``COPY [flags] source… destination``; heredoc sources stand in heredocs, not in sources."""

    location: Location
    original: str
    sources: tuple[str, ...]
    destination: str
    from_: str = ""
    chown: str = ""
    chmod: str = ""
    link: bool = False
    parents: bool = False
    exclude: tuple[str, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()


@dataclass(frozen=True, slots=True)
class Add:
    """``ADD [flags] source… destination``; a switch is None where it is not given."""

    location: Location
    original: str
    sources: tuple[str, ...]
    destination: str
    chown: str = ""
    chmod: str = ""
    link: bool = False
    exclude: tuple[str, ...] = ()
    checksum: str = ""
    keep_git_dir: bool | None = None
    unpack: bool | None = None
    heredocs: tuple[Heredoc, ...] = ()


@dataclass(frozen=True, slots=True)
class Env:
    """``ENV name=value…``, or the legacy form with one pair."""

    location: Location
    original: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Label:
    """``LABEL name=value…``, or the legacy form with one pair."""

    location: Location
    original: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Arg:
    """``ARG name[=default]…``; a default of None is none."""

    location: Location
    original: str
    pairs: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Workdir:
    """``WORKDIR path``."""

    location: Location
    original: str
    path: str


@dataclass(frozen=True, slots=True)
class User:
    """``USER user[:group]``."""

    location: Location
    original: str
    user: str


@dataclass(frozen=True, slots=True)
class Cmd:
    """``CMD command``."""

    location: Location
    original: str
    command: Command


@dataclass(frozen=True, slots=True)
class Entrypoint:
    """``ENTRYPOINT command``."""

    location: Location
    original: str
    command: Command


@dataclass(frozen=True, slots=True)
class Expose:
    """``EXPOSE port[-port][/protocol]…``, words as written."""

    location: Location
    original: str
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Volume:
    """``VOLUME path…``."""

    location: Location
    original: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shell:
    """``SHELL ["program", "argument"…]``."""

    location: Location
    original: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopSignal:
    """``STOPSIGNAL signal``."""

    location: Location
    original: str
    signal: str


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """``HEALTHCHECK``: flags as written (name, value) and the command; None for ``NONE``."""

    location: Location
    original: str
    command: Command | None
    flags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class OnBuild:
    """``ONBUILD instruction``, its text as written."""

    location: Location
    original: str
    text: str


@dataclass(frozen=True, slots=True)
class Maintainer:
    """``MAINTAINER name``."""

    location: Location
    original: str
    name: str


Instruction = (
    From | Run | Copy | Add | Env | Label | Arg | Workdir | User | Cmd | Entrypoint | Expose
    | Volume | Shell | StopSignal | HealthCheck | OnBuild | Maintainer
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """A FROM and the instructions up to the next one."""

    index: int
    source: From
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Dockerfile:
    r"""A parsed Dockerfile.

    Attributes:
        file: Its name as the user knows it.
        lines: Its text, for excerpts; line n is ``lines[n - 1]``.
        escape: The escape character, ``\`` or a back-tick.
        directives: The parser directives at its head, by lower-case name.
        global_args: ARGs before the first FROM.
        stages: At least one.
    """

    file: str
    lines: tuple[str, ...]
    escape: str
    directives: tuple[tuple[str, str], ...]
    global_args: tuple[Arg, ...]
    stages: tuple[Stage, ...]

    def excerpt(self, location: Location) -> str:
        """The lines of a location with ``>>>`` before them, and two of context."""
        return excerpt(self.lines, location)
