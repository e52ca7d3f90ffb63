"""``pybuild check`` and docker's ``--call``: look at a Dockerfile without building it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

from pybuild.checks.outline import outline, targets
from pybuild.cli.help import check_help
from pybuild.cli.invocation import Invocation
from pybuild.cli.preparing import HELP_FLAGS, given_by, prepare
from pybuild.errors import UsageError
from pybuild.events import BuildWarning, Emit, Event, ignore
from pybuild.inspection import Inspected, inspect
from pybuild.report.checks import check_document, check_lines, sarif_document
from pybuild.report.outline import (
    outline_document,
    outline_lines,
    target_document,
    target_lines,
)
from pybuild.report.plain import Level, PlainLog
from pybuild.settings import argv
from pybuild.settings.call import Call
from pybuild.settings.compose import Prepared
from pybuild.settings.values import build_flags

_FORMATS = ("text", "json", "sarif")
_FORMAT = argv.Flag("format")


def run(invocation: Invocation) -> int:
    """Check a Dockerfile as docker's flags say; 1 where something was found."""
    parsed = argv.parse(invocation.arguments, (*build_flags(), _FORMAT, *HELP_FLAGS))
    if any(flag in HELP_FLAGS for flag, _ in parsed.flags):
        invocation.out.line(check_help())
        return 0
    form = next((value for flag, value in reversed(parsed.flags) if flag == _FORMAT), "text")
    if form not in _FORMATS:
        raise UsageError(f"--format: {form!r} is not one of {', '.join(_FORMATS)}")
    others = tuple(pair for pair in parsed.flags if pair[0] != _FORMAT)
    layer = given_by(argv.Parsed(others, parsed.positionals))
    return call(prepare(invocation, layer), Call("check", form), invocation)


def call(
    prepared: Prepared,
    what: Call,
    invocation: Invocation,
    *,
    tell: Callable[[str], None] | None = None,
    watch: Emit = ignore,
) -> int:
    """Look at a Dockerfile.

    Args:
        prepared: What would be built.
        what: What is asked.
        invocation: Whose streams are used.
        tell: Gets the answer line by line; None is standard output.
        watch: Gets every violation as a warning too.

    Returns:
        The exit code, 1 where a check found something.
    """
    for secret in prepared.secrets:
        invocation.masker.add(secret)
    emit = _warnings_only(invocation)
    for warning in prepared.warnings:
        emit(warning)
    seen = inspect(prepared.request, emit, invocation.stdin, checks=what.name == "check")
    for one in seen.violations:
        file, line = seen.dockerfile.file, one.location.first_line
        watch(BuildWarning(one.rule.name, one.detail, file, line))
    for text in _answer(what, seen):
        (tell or invocation.out.line)(text)
    return 1 if seen.violations else 0


def _answer(what: Call, seen: Inspected) -> Iterable[str]:
    if what.form == "text":
        return _text(what, seen)
    return json.dumps(_document(what, seen), indent=2, ensure_ascii=False).splitlines()


def _text(what: Call, seen: Inspected) -> Iterable[str]:
    match what.name:
        case "targets":
            return target_lines(targets(seen.dockerfile))
        case "outline":
            return outline_lines(outline(seen.dockerfile, seen.scope, seen.stages))
        case _:
            return check_lines(seen.violations, seen.dockerfile)


def _document(what: Call, seen: Inspected) -> dict[str, Any]:
    match what.name, what.form:
        case "targets", _:
            return target_document(targets(seen.dockerfile))
        case "outline", _:
            return outline_document(outline(seen.dockerfile, seen.scope, seen.stages))
        case _, "sarif":
            return sarif_document(seen.violations, seen.dockerfile, version("pybuild-action"))
        case _:
            return check_document(seen.violations, seen.dockerfile)


def _warnings_only(invocation: Invocation) -> Emit:
    log = PlainLog(invocation.err, Level.WARNINGS)

    def emit(event: Event) -> None:
        if isinstance(event, BuildWarning):
            log.emit(event)

    return emit
