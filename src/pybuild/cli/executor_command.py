"""``pybuild executor``: Kaniko's command line, files and exit codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

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
from pybuild.settings.compose import Prepared, compose
from pybuild.settings.values import Values, from_environment, unknown_variables


def run(invocation: Invocation) -> int:
    """Build as Kaniko's flags say."""
    parsed = argv.parse(invocation.arguments, kaniko.flags())
    if any(flag.name in {"h", "help"} for flag, _ in parsed.flags):
        invocation.out.line(executor_help())
        return 0
    if parsed.positionals[:1] == ("version",):  # its flags are those of all its commands (cobra)
        from pybuild.cli import version_command  # noqa: PLC0415 - reads package metadata

        return version_command.run(invocation.with_arguments(parsed.positionals[1:]))
    with _hints():
        build, plan = _hints()(invocation.builder()), _hints()(invocation.planner())
        return _build(parsed, replace(invocation, build=build, plan=plan))


@contextmanager
def _hints() -> Iterator[None]:
    """What is advised has the names of this command's flags."""
    try:
        yield
    except PybuildError as error:
        error.hint = kaniko.in_kanikos_words(error.hint)
        raise


def _build(parsed: argv.Parsed, invocation: Invocation) -> int:
    env = invocation.env
    typed, set_ = kaniko.from_flags(parsed), kaniko.from_environment(env)
    values = Values(typed.layer, from_environment(env), set_.layer, kaniko.DEFAULTS)
    kaniko.check_destination(values)
    prepared = compose(values, invocation.place())
    git = replace(prepared.request.git, pull_http=kaniko.pull_http(env))
    request = replace(prepared.request, git=git)
    if "output" in typed.layer:
        request = replace(request, outputs=kaniko.exact_layouts(request.outputs))
    warnings = (*typed.warnings, *set_.warnings, *unknown_variables(env))
    prepared = replace(prepared, request=request).with_warnings(warnings)

    log = log_for(prepared, invocation, lambda err: _log(err, prepared, invocation))
    for note in (*typed.notes, *set_.notes):
        log.emit(Debug(note))
    outcome = conduct(prepared, invocation, log)
    return exit_code(outcome, executor=True) if isinstance(outcome, PybuildError) else 0


def _log(err: Lines, prepared: Prepared, invocation: Invocation) -> Log:
    """Kaniko's streams: what a RUN prints on standard output, all else on standard error."""
    if prepared.timestamps:
        err = Lines(invocation.stderr, invocation.masker, _stamp(invocation.clock))
    level = level_of(prepared.verbosity)
    plain = PlainLog(err, level, run_lines=invocation.out)
    return TextLog(plain, err, _result_lines, "error building image: ")


def _stamp(clock: Callable[[], float]) -> Callable[[str], str]:
    def stamped(line: str) -> str:
        at = datetime.fromtimestamp(clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{at} {line}".rstrip()

    return stamped


def _result_lines(result: BuildResult) -> Iterator[str]:
    yield from kaniko_lines(result)
    yield from result_lines(result)
