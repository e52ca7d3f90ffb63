"""The environment that words are expanded in, followed through all stages of a Dockerfile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pybuild.dockerfile.expand import ExpansionError, expand
from pybuild.dockerfile.instructions import Arg, Dockerfile, Env, Instruction, Stage
from pybuild.graph.scope import Scope

Variables = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Moment:
    """An instruction and what is defined where it stands.

    Attributes:
        variables: None where the base image is not known.
    """

    stage: Stage
    instruction: Instruction
    variables: Variables | None


def moments(
    dockerfile: Dockerfile, scope: Scope, inherited: Mapping[int, Variables | None]
) -> Iterator[Moment]:
    """Every instruction of every stage, FROM left out, with the variables before it.

    Args:
        dockerfile: What is followed.
        scope: The values of ARGs.
        inherited: The environment of the image of each stage that is on one, by stage index;
            None where it could not be asked.
    """
    finished: dict[str, Variables | None] = {}
    for stage in dockerfile.stages:
        base = stage.source.base.lower()
        start = finished[base] if base in finished else inherited.get(stage.index, {})
        known = start is not None
        variables = {"PATH": "", **(start or {})}
        for instruction in stage.instructions:
            yield Moment(stage, instruction, dict(variables) if known else None)
            variables |= _defined(instruction, variables, scope, dockerfile.escape)
        if stage.source.name:
            finished[stage.source.name] = variables if known else None


def expanded(word: str, variables: Variables | None, escape: str) -> str | None:
    """A word with its variables, or None where it cannot be told."""
    if variables is None:
        return None if "$" in word else word
    try:
        return expand(word, variables, escape=escape)
    except ExpansionError:
        return None


def _defined(
    instruction: Instruction, variables: Variables, scope: Scope, escape: str
) -> dict[str, str]:
    found: dict[str, str] = {}
    match instruction:
        case Env():
            for name, value in instruction.pairs:
                found[expanded(name, variables, escape) or name] = (
                    expanded(value, variables, escape) or ""
                )
        case Arg():
            for name, default in instruction.pairs:
                known = {**variables, **found}
                filled = None if default is None else expanded(default, known, escape)
                found[name] = scope.value(name, filled) or ""
        case _:
            pass
    return found
