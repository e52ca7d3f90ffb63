"""ONBUILD: the texts that a base hands down → instructions of the stage that is built on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pybuild.dockerfile.instructions import Dockerfile, Instruction, OnBuild, Stage
from pybuild.dockerfile.location import Location
from pybuild.dockerfile.parser import parse_trigger
from pybuild.errors import DockerfileError
from pybuild.graph.scope import problem


def read_triggers(
    texts: Iterable[str], base: str, dockerfile: Dockerfile, location: Location
) -> tuple[Instruction, ...]:
    """The instructions of a base's triggers; they stand where the FROM stands.

    Args:
        texts: As the base keeps them.
        base: Its name, for errors.
        dockerfile: The file that builds on the base.
        location: Its FROM.

    Raises:
        DockerfileError: A text is no instruction, or one that cannot be a trigger.
    """
    found: list[Instruction] = []
    for text in texts:
        try:
            instruction = parse_trigger(text, file=base)
        except DockerfileError as error:
            message = f"the ONBUILD trigger of {base} is wrong: {error.message}"
            raise problem(dockerfile, location, message, error.hint) from None
        if isinstance(instruction, OnBuild):
            message = f"the ONBUILD trigger of {base} is an ONBUILD itself"
            raise problem(dockerfile, location, message)
        found.append(replace(instruction, location=location))
    return tuple(found)


def triggers_of(stage: Stage) -> tuple[str, ...]:
    """The texts that a stage hands down."""
    return tuple(one.text for one in stage.instructions if isinstance(one, OnBuild))
