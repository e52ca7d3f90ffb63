"""Text → Dockerfile: directives, then nodes, then typed instructions, then stages.

The phases are modules: ``source`` and ``lines`` (physical and logical lines), ``syntax`` (nodes
with flags and heredocs), ``typed`` (instructions). What this builder cannot honour is parsed all
the same; the graph refuses it with its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pybuild.dockerfile.directives import read_directives
from pybuild.dockerfile.instructions import Arg, Dockerfile, From, Instruction, Stage
from pybuild.dockerfile.source import Problem, Source
from pybuild.dockerfile.syntax import read_nodes
from pybuild.dockerfile.typed import build
from pybuild.errors import DockerfileError


def parse(text: str, *, file: str, frontend: str | None = None) -> Dockerfile:
    """Parse a whole Dockerfile.

    Args:
        text: Its contents.
        file: Its name as the user knows it, for errors.
        frontend: What the build asks for instead of the file's ``# syntax=`` (BUILDKIT_SYNTAX);
            ``frontend.BUILT_IN`` reads the file whatever it names.

    Raises:
        DockerfileError: text is not a Dockerfile, or one of another frontend; the excerpt shows
            where.
    """
    source = Source.read(text, file)
    directives = read_directives(source, frontend)
    instructions = tuple(_instructions(source, directives.escape))
    if not instructions:
        raise _whole_file(source, "file with no instructions")
    global_args = tuple(_global_args(instructions))
    stages = tuple(_stages(source, instructions[len(global_args) :]))
    if not stages:
        raise _whole_file(source, "dockerfile contains no stages to build")
    return Dockerfile(
        file=file,
        lines=source.lines,
        escape=directives.escape,
        directives=directives.values,
        global_args=global_args,
        stages=stages,
    )


def parse_trigger(text: str, *, file: str) -> Instruction:
    """Parse one entry of an image's OnBuild list; ``file`` names the image in errors.

    Raises:
        DockerfileError: text is not exactly one instruction, or one that is no trigger.
    """
    source = Source.read(text, file)
    instructions = tuple(_instructions(source, "\\"))
    if len(instructions) != 1:
        raise _whole_file(source, "onbuild trigger should be a single expression")
    if isinstance(instructions[0], From):
        raise _whole_file(source, "FROM isn't allowed as an ONBUILD trigger")
    return instructions[0]


def _instructions(source: Source, escape: str) -> Iterator[Instruction]:
    for node in read_nodes(source, escape):
        try:
            yield build(node)
        except Problem as problem:
            raise source.error(problem, node.location) from None


def _global_args(instructions: Iterable[Instruction]) -> Iterator[Arg]:
    """The ARGs before the first instruction that is none."""
    for instruction in instructions:
        if not isinstance(instruction, Arg):
            return
        yield instruction


def _stages(source: Source, instructions: Iterable[Instruction]) -> Iterator[Stage]:
    opened: From | None = None
    held: list[Instruction] = []
    index = 0
    for instruction in instructions:
        if not isinstance(instruction, From):
            if opened is None:
                problem = Problem(
                    "no build stage in current context", hint="begin the build with FROM"
                )
                raise source.error(problem, instruction.location)
            held.append(instruction)
            continue
        if opened is not None:
            yield Stage(index, opened, tuple(held))
            index += 1
        opened, held = instruction, []
    if opened is not None:
        yield Stage(index, opened, tuple(held))


def _whole_file(source: Source, message: str) -> DockerfileError:
    return source.error(Problem(message), source.location(1, max(1, len(source.lines))))
