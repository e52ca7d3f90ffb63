"""One build from its first line to its files: what all front ends have in common."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pybuild.cli.invocation import Invocation
from pybuild.errors import PybuildError, StateError, UsageError
from pybuild.events import Emit, Event
from pybuild.report.lines import Lines
from pybuild.report.log import Log, QuietLog, TextLog
from pybuild.report.metadata import failure_document, metadata_document
from pybuild.report.outcome import image_name_lines, result_lines
from pybuild.report.plain import Level, PlainLog
from pybuild.report.rawjson import JsonLog
from pybuild.request import BuildResult
from pybuild.settings.call import BUILD
from pybuild.settings.compose import Prepared, ResultFiles

Outcome = BuildResult | PybuildError | None
_LEVELS = {"trace": Level.DETAILS, "debug": Level.DETAILS, "info": Level.PROGRESS}


def conduct(
    prepared: Prepared,
    invocation: Invocation,
    log: Log,
    watch: Emit | None = None,
    *,
    stdout_is_free: bool = False,
) -> Outcome:
    """Build, log, write the result's files.

    Args:
        prepared: What to build.
        invocation: Whose streams and builder are used.
        log: Told everything.
        watch: Told every event too.
        stdout_is_free: Whether an output may go to standard output, where no log goes then.

    Returns:
        The result; None after a dry run, whose plan is printed; or the error, which the log has
        already told.
    """
    if prepared.call != BUILD:
        raise UsageError(
            f"--call={prepared.call.name} is not known here", hint="use pybuild build or check"
        )
    for secret in prepared.secrets:
        invocation.masker.add(secret)
    emit = _both(log.emit, watch) if watch else log.emit
    try:
        for warning in prepared.warnings:
            emit(warning)
        if prepared.request.dry_run:
            plan = invocation.planner()(prepared.request, emit, invocation.stdin)
            invocation.out.line(plan.rstrip("\n"))
            return None
        stdout = _archive_stream(prepared, invocation, free=stdout_is_free)
        result = invocation.builder()(prepared.request, emit, invocation.stdin, stdout)
        write_result(prepared.files, result)
        log.finish(result)
    except PybuildError as error:
        log.fail(error)
        write_failure(prepared.files, error)
        return error
    return result


def log_for(prepared: Prepared, invocation: Invocation, text: Callable[[Lines], Log]) -> Log:
    """The log in the form that was asked for; text makes the one for people."""
    err = invocation.err
    match prepared.progress:
        case "rawjson":
            return JsonLog(err, invocation.masker)
        case "quiet":
            out = err if _writes_to_stdout(prepared) else invocation.out
            return QuietLog(PlainLog(err, Level.WARNINGS), err, out)
        case _:
            return text(err)


def text_log(lines: Lines, level: Level = Level.PROGRESS) -> Log:
    """BuildKit's plain log with our last lines."""
    return TextLog(PlainLog(lines, level), lines, result_lines)


def level_of(verbosity: str) -> Level:
    """How much a log tells for Kaniko's word for it."""
    return _LEVELS.get(verbosity, Level.WARNINGS)


def _writes_to_stdout(prepared: Prepared) -> bool:
    return any(output.destination is None for output in prepared.request.outputs)


def _archive_stream(prepared: Prepared, invocation: Invocation, *, free: bool) -> BinaryIO | None:
    """Standard output for bytes; None where nothing goes there.

    Raises:
        UsageError: It is a terminal, or is for the log.
    """
    if not _writes_to_stdout(prepared):
        return None
    if not free:
        problem = "an output cannot go to standard output, which has the log here"
    elif invocation.stdout.isatty():
        problem = "an output is not written to standard output while that is a terminal"
    else:
        return invocation.stdout.buffer
    raise UsageError(problem, hint="name the file to write: dest=FILE")


def write_result(files: ResultFiles, result: BuildResult) -> None:
    """Write the files that get the result.

    Raises:
        StateError: One cannot be written.
    """
    if files.image_id:
        write(files.image_id, result.image_id)
    if files.metadata:
        write(files.metadata, json.dumps(metadata_document(result), indent=2))
    if files.digest:
        write(files.digest, result.digest)
    for path, tagged in ((files.names, False), (files.tagged_names, True)):
        if path:
            names = image_name_lines(result, tagged=tagged)
            write(path, "".join(f"{name}\n" for name in names))


def write_failure(files: ResultFiles, error: PybuildError) -> None:
    """Leave the error's class in the metadata file; the error itself is what counts."""
    if files.metadata:
        try:
            write(files.metadata, json.dumps({"pybuild.error": failure_document(error)}, indent=2))
        except StateError:
            return


def write(path: Path, text: str) -> None:
    """Write a file, and its directory where there is none.

    Raises:
        StateError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StateError(f"cannot write {path}: {error.strerror}") from error


def _both(first: Emit, second: Emit) -> Emit:
    def emit(event: Event) -> None:
        first(event)
        second(event)

    return emit
