"""``pybuild executor``: Kaniko's command line, files and exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pybuild.cli.conduct import conduct, level_of, log_for
from pybuild.cli.help import executor_help
from pybuild.cli.invocation import Invocation
from pybuild.cli.main import exit_code
from pybuild.errors import PybuildError
from pybuild.events import Debug
from pybuild.report.lines import Lines
from pybuild.report.log import Log, TextLog
from pybuild.report.outcome import kaniko_lines, result_lines
from pybuild.report.plain import PlainLog
from pybuild.request import BuildResult
from pybuild.settings import argv, kaniko
from pybuild.settings.compose import compose
from pybuild.settings.values import Values, from_environment, unknown_variables


def run(invocation: Invocation) -> int:
    """Build as Kaniko's flags say."""
    if invocation.arguments == ("version",):
        from pybuild.cli import version_command  # noqa: PLC0415 - reads package metadata

        return version_command.run(invocation.with_arguments(()))
    parsed = argv.parse(invocation.arguments, kaniko.flags())
    if any(flag.name in {"h", "help"} for flag, _ in parsed.flags):
        invocation.out.line(executor_help())
        return 0
    return _build(parsed, invocation)


def _build(parsed: argv.Parsed, invocation: Invocation) -> int:
    env = invocation.env
    given, notes = kaniko.from_flags(parsed)
    layers = (given, from_environment(env), kaniko.from_environment(env), kaniko.DEFAULTS)
    values = Values(*layers)
    kaniko.check_destination(values)
    prepared = compose(values, invocation.place())
    git = replace(prepared.request.git, pull_http=kaniko.pull_http(env))
    request = replace(prepared.request, git=git)
    prepared = replace(prepared, request=request).with_warnings(unknown_variables(env))

    def text(lines: Lines) -> Log:
        level = level_of(prepared.verbosity)
        return TextLog(PlainLog(lines, level), lines, _result_lines, "error building image: ")

    log = log_for(prepared, invocation, text)
    for note in notes:
        log.emit(Debug(note))
    outcome = conduct(prepared, invocation, log)
    return exit_code(outcome, executor=True) if isinstance(outcome, PybuildError) else 0


def _result_lines(result: BuildResult) -> Iterator[str]:
    yield from kaniko_lines(result)
    yield from result_lines(result)
