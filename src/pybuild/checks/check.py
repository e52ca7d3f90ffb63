"""All rules over one Dockerfile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pybuild.checks.config import CheckConfig, config_above
from pybuild.checks.environment import moments
from pybuild.checks.instructions import IsIgnored, instruction_rules, repeated
from pybuild.checks.rules import Violation
from pybuild.checks.spelling import spelling
from pybuild.checks.stages import stage_rules
from pybuild.checks.variables import undefined_variables
from pybuild.checks.workdirs import Workdirs
from pybuild.dockerfile.instructions import Dockerfile, Shell
from pybuild.graph.scope import Scope
from pybuild.oci.platform import Platform


@dataclass(frozen=True, slots=True)
class KnownBase:
    """What is known of the image that a stage begins with."""

    platform: Platform
    variables: Mapping[str, str]
    has_shell: bool


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What rules need besides the Dockerfile.

    Attributes:
        scope: The values of ARGs.
        bases: By stage index; None where the image could not be asked.
        is_ignored: None where .dockerignore has exceptions, or there is no context.
    """

    target: Platform
    scope: Scope
    bases: Mapping[int, KnownBase | None] = field(default_factory=dict)
    is_ignored: IsIgnored | None = None


def check(
    dockerfile: Dockerfile, config: CheckConfig, around: Surroundings
) -> tuple[Violation, ...]:
    """Every violation that counts, in the Dockerfile's order; rules of one line in BuildKit's."""
    above: dict[int, CheckConfig] = {}
    kept = []
    for violation in _all(dockerfile, around):
        line = violation.location.first_line
        if line not in above:
            above[line] = config.joined(config_above(dockerfile, violation.location))
        if above[line].wants(violation.rule):
            kept.append(violation)
    return tuple(sorted(kept, key=lambda one: one.location.first_line))


def _all(dockerfile: Dockerfile, around: Surroundings) -> Iterator[Violation]:
    known = {index: base for index, base in around.bases.items() if base is not None}
    platforms = {index: base.platform for index, base in known.items()}
    yield from spelling(dockerfile)
    yield from stage_rules(dockerfile, around.scope, platforms, around.target)
    for stage in dockerfile.stages:
        yield from repeated(stage)

    parents = _parents(dockerfile)
    workdirs = Workdirs(parents, dockerfile.escape)
    shells = {index: base.has_shell for index, base in known.items()}
    variables = {i: None if one is None else one.variables for i, one in around.bases.items()}
    for moment in moments(dockerfile, around.scope, variables):
        index = moment.stage.index
        has_shell = shells.setdefault(index, shells.get(parents.get(index, -1), False))
        yield from workdirs.see(moment)
        yield from undefined_variables(moment, dockerfile.escape)
        yield from instruction_rules(
            moment, has_shell=has_shell, escape=dockerfile.escape, is_ignored=around.is_ignored
        )
        shells[index] = has_shell or isinstance(moment.instruction, Shell)


def _parents(dockerfile: Dockerfile) -> dict[int, int]:
    """For stages that are built on a stage, by index, that one's index."""
    names: dict[str, int] = {}
    parents: dict[int, int] = {}
    for stage in dockerfile.stages:
        if (base := stage.source.base.lower()) in names:
            parents[stage.index] = names[base]
        if stage.source.name:
            names[stage.source.name] = stage.index
    return parents
