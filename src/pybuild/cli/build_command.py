"""``pybuild build``: docker's command line."""

from __future__ import annotations

from pybuild.cli.conduct import conduct, log_for, text_log
from pybuild.cli.help import build_help
from pybuild.cli.invocation import Invocation
from pybuild.cli.preparing import HELP_FLAGS, given_by, prepare
from pybuild.errors import PybuildError
from pybuild.settings import argv
from pybuild.settings.call import BUILD
from pybuild.settings.values import build_flags


def run(invocation: Invocation) -> int:
    """Build as docker's flags say."""
    parsed = argv.parse(invocation.arguments, (*build_flags(), *HELP_FLAGS))
    if any(flag in HELP_FLAGS for flag, _ in parsed.flags):
        invocation.out.line(build_help())
        return 0
    prepared = prepare(invocation, given_by(parsed))
    if prepared.call != BUILD:
        from pybuild.cli.check_command import call  # noqa: PLC0415 - a build does without

        return call(prepared, prepared.call, invocation)
    log = log_for(prepared, invocation, text_log)
    outcome = conduct(prepared, invocation, log, stdout_is_free=True)
    return outcome.status if isinstance(outcome, PybuildError) else 0
