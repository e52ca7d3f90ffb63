"""Flags and the environment → a build that can begin."""

from __future__ import annotations

from pybuild.cli.invocation import Invocation
from pybuild.errors import UsageError
from pybuild.settings import argv
from pybuild.settings.compose import Prepared, compose
from pybuild.settings.values import (
    Given,
    Layer,
    Values,
    from_environment,
    from_flags,
    unknown_variables,
)

HELP_FLAGS = (argv.Flag("help", boolean=True), argv.Flag("h", boolean=True))


def given_by(parsed: argv.Parsed) -> dict[str, Given]:
    """What flags and the positional context give.

    Raises:
        UsageError: There is more than one context.
    """
    layer = from_flags(parsed)
    if len(parsed.positionals) > 1:
        raise UsageError(
            f"build takes one context, not {len(parsed.positionals)}: "
            + " ".join(parsed.positionals)
        )
    if parsed.positionals:
        layer["context"] = Given(parsed.positionals, "CONTEXT")
    return layer


def prepare(invocation: Invocation, *layers: Layer) -> Prepared:
    """Compose what was given, then the environment.

    The layers before the environment win over it; a front end's own defaults are not layers.
    """
    values = Values(*layers, from_environment(invocation.env))
    prepared = compose(values, invocation.place())
    return prepared.with_warnings(unknown_variables(invocation.env))
