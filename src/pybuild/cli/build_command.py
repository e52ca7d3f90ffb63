"""``pybuild build``: docker's command line."""

from __future__ import annotations

from pybuild.cli.conduct import conduct, log_for, text_log
from pybuild.cli.help import build_help
from pybuild.cli.invocation import Invocation
from pybuild.errors import PybuildError, UsageError
from pybuild.settings import argv
from pybuild.settings.call import BUILD
from pybuild.settings.compose import Prepared, compose
from pybuild.settings.values import (
    Given,
    Layer,
    Values,
    build_flags,
    from_environment,
    from_flags,
    unknown_variables,
)

HELP_FLAGS = (argv.Flag("help", boolean=True), argv.Flag("h", boolean=True))


def run(invocation: Invocation) -> int:
    """Build as docker's flags say."""
    parsed = argv.parse(invocation.arguments, (*build_flags(), *HELP_FLAGS))
    if any(flag in HELP_FLAGS for flag, _ in parsed.flags):
        invocation.out.line(build_help())
        return 0
    prepared = prepare(invocation, given_by(parsed))
    if prepared.call != BUILD:
        from pybuild.cli.check_command import call  # noqa: PLC0415 - the two know each other

        return call(prepared, prepared.call, invocation)
    log = log_for(prepared, invocation, text_log)
    outcome = conduct(prepared, invocation, log, stdout_is_free=True)
    return outcome.status if isinstance(outcome, PybuildError) else 0


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
