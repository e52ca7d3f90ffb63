"""What a process was started with, as one value, so that nothing else reads globals."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Protocol, TextIO

from pybuild.events import Emit
from pybuild.masking import Masker
from pybuild.report.lines import Lines
from pybuild.request import BuildRequest, BuildResult
from pybuild.settings.place import IMAGE_MARKER, Place


class Build(Protocol):
    """What builds: ``pybuild.build.build``, or a test's stand-in."""

    def __call__(
        self, request: BuildRequest, emit: Emit, stdin: BinaryIO, stdout: BinaryIO | None, /
    ) -> BuildResult:
        """Build a request; stdout gets the output without a destination."""


Plan = Callable[[BuildRequest, Emit, BinaryIO], str]


@dataclass(frozen=True, slots=True)
class Invocation:
    """Arguments, environment and streams of one run of the program.

    Attributes:
        program: ``argv[0]``.
        arguments: Without the program; commands get theirs without their own name.
        build: What builds; None is the real thing, imported when it is needed.
        plan: What plans a dry run; None likewise.
        clock: Seconds since 1970.
        in_image: Whether this is our own image.
        masker: Hides the secrets that are known so far in everything printed.
    """

    program: str
    arguments: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    stdin: BinaryIO
    stdout: TextIO
    stderr: TextIO
    build: Build | None = None
    plan: Plan | None = None
    clock: Callable[[], float] = time.time
    in_image: bool = False
    masker: Masker = field(default_factory=Masker)

    @classmethod
    def of_this_process(cls, arguments: Sequence[str] | None = None) -> Invocation:
        """Read the process; text that is not UTF-8 is printed escaped, never an error."""
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure:
                reconfigure(encoding="utf-8", errors="backslashreplace")
        return cls(
            program=sys.argv[0],
            arguments=tuple(sys.argv[1:] if arguments is None else arguments),
            env=dict(os.environ),
            cwd=Path.cwd().resolve(),
            stdin=sys.stdin.buffer,
            stdout=sys.stdout,
            stderr=sys.stderr,
            in_image=IMAGE_MARKER.exists(),
        )

    def with_arguments(self, arguments: Sequence[str]) -> Invocation:
        """The same, for a command: with its own arguments."""
        return replace(self, arguments=tuple(arguments))

    @property
    def out(self) -> Lines:
        """Lines on standard output."""
        return Lines(self.stdout, self.masker)

    @property
    def err(self) -> Lines:
        """Lines on standard error."""
        return Lines(self.stderr, self.masker)

    def place(self) -> Place:
        """Where a build is asked for."""
        return Place(self.env, self.cwd, int(self.clock()), self.in_image)

    def builder(self) -> Build:
        """The function that builds."""
        if self.build:
            return self.build
        from pybuild.build import build  # noqa: PLC0415 - only a build pays for the engine

        return build

    def planner(self) -> Plan:
        """The function that plans a dry run."""
        if self.plan:
            return self.plan
        from pybuild.build import dry_run  # noqa: PLC0415 - as above

        return dry_run
