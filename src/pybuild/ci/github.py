"""``pybuild github``: the action's inputs → a build; its result → outputs and summary."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pybuild.ci.checkout import Checkout
from pybuild.ci.workflow_commands import GroupFolds, WorkflowCommands, break_commands
from pybuild.cli.check_command import call
from pybuild.cli.conduct import Outcome, conduct, log_for
from pybuild.cli.invocation import Invocation
from pybuild.errors import PybuildError, StepFailed, UsageError
from pybuild.events import BuildWarning, Event
from pybuild.masking import Masker
from pybuild.report.history import History
from pybuild.report.lines import Lines
from pybuild.report.log import Log, TextLog
from pybuild.report.metadata import metadata_document
from pybuild.report.outcome import error_lines
from pybuild.report.plain import Level, PlainLog
from pybuild.report.summary import failure_summary, success_summary
from pybuild.request import BuildResult
from pybuild.settings.call import BUILD
from pybuild.settings.compose import Prepared, compose, secrets_of
from pybuild.settings.table import OPTIONS
from pybuild.settings.values import (
    Given,
    Values,
    from_environment,
    from_texts,
    unknown_variables,
)

_PLACE = re.compile(r"(?P<file>.+):(?P<line>[0-9]+)")


def run(invocation: Invocation) -> int:
    """Build as the inputs of the action say."""
    if invocation.arguments:
        raise UsageError(f"github takes no arguments, not {invocation.arguments[0]!r}")
    commands = WorkflowCommands(invocation.stdout, invocation.masker)
    page = _Page(commands, _summary_file(invocation), invocation.masker)
    try:
        prepared = _prepare(invocation, commands)
    except PybuildError as error:
        page.annotate(error)
        page.summarize(failure_summary(error))
        for line in error_lines(error):
            invocation.err.line(line)
        return error.status
    checkout = Checkout(invocation.place().path(invocation.env.get("GITHUB_WORKSPACE", ".")))
    history = History()

    def locate(file: str) -> str:
        return checkout.locate(file, prepared.request)

    def watch(event: Event) -> None:
        history.emit(event)
        if isinstance(event, BuildWarning):
            commands.warning(event.message, event.code, locate(event.file), event.line)

    if prepared.call != BUILD:

        def tell(line: str) -> None:
            invocation.out.line(break_commands(line))

        return call(prepared, prepared.call, invocation, tell=tell, watch=watch)
    outcome = conduct(prepared, invocation, _log(prepared, invocation, commands), watch)
    _hand_over(checkout, prepared, commands)
    return _publish(outcome, history, page, locate)


@dataclass(frozen=True, slots=True)
class _Page:
    """What people see of a step beside its log.

    Attributes:
        summary: The file of the job's summary, or None.
    """

    commands: WorkflowCommands
    summary: Path | None
    masker: Masker

    def annotate(self, error: PybuildError, locate: Callable[[str], str] = str) -> None:
        """Show the error at its line, whose place is the first line of the excerpt."""
        is_step = isinstance(error, StepFailed)
        title = f"RUN failed (exit {error.status})" if is_step else type(error).__name__
        place = _PLACE.fullmatch(error.excerpt.partition("\n")[0])
        file, line = (locate(place["file"]), int(place["line"])) if place else ("", 0)
        message = f"{error.message}\n{error.hint}" if error.hint else error.message
        self.commands.error(message, title, file, line)

    def summarize(self, text: str) -> None:
        """Append to the summary; a build is no worse for one that cannot be written."""
        if self.summary is None:
            return
        try:
            with self.summary.open("a", encoding="utf-8") as file:
                file.write(self.masker.mask(text))
        except OSError as error:
            message = f"cannot write the job summary {self.summary}: {error.strerror}"
            self.commands.warning(message, "SummaryNotWritten", "", 0)


def _prepare(invocation: Invocation, commands: WorkflowCommands) -> Prepared:
    inputs = ((o, f"input {o.action}", commands.input(o.action)) for o in OPTIONS if o.action)
    values = Values(
        from_texts(inputs), from_environment(invocation.env), _default_context(invocation)
    )
    for secret in secrets_of(values):
        invocation.masker.add(secret)
    prepared = compose(values, invocation.place())
    for secret in prepared.secrets:
        commands.mask(secret)
    for credential in prepared.request.registries.credentials:
        # What a config.json holds: base64 of the pair shows neither part of it.
        pair = f"{credential.user}:{credential.password}"
        commands.mask(base64.b64encode(pair.encode()).decode())
    return prepared.with_warnings(unknown_variables(invocation.env))


def _default_context(invocation: Invocation) -> dict[str, Given]:
    """The workspace, where something has been checked out."""
    workspace = invocation.env.get("GITHUB_WORKSPACE", "")
    if workspace and Path(workspace).is_dir() and any(Path(workspace).iterdir()):
        return {"context": Given((workspace,), "GITHUB_WORKSPACE")}
    if invocation.env.get("PYBUILD_CONTEXT") or invocation.env.get("INPUT_CONTEXT", "").strip():
        return {}
    raise UsageError(
        "the workspace is empty, and there is no context",
        hint="use actions/checkout before this step, or give the input context; building the "
        "repository without a checkout is not supported yet",
    )


def _log(prepared: Prepared, invocation: Invocation, commands: WorkflowCommands) -> Log:
    level = Level.DETAILS if invocation.env.get("RUNNER_DEBUG") == "1" else Level.PROGRESS
    # On standard output, where the commands go, so that both stay in order.
    lines = Lines(invocation.stdout, invocation.masker, break_commands)

    def text(_lines: Lines) -> Log:
        return TextLog(PlainLog(lines, level, GroupFolds(commands)), lines)

    return log_for(prepared, invocation, text)


def _hand_over(checkout: Checkout, prepared: Prepared, commands: WorkflowCommands) -> None:
    request, files = prepared.request, prepared.files
    written = [output.destination for output in request.outputs if output.destination]
    written += [path for path in (files.image_id, files.metadata, files.digest) if path]
    if request.hook.script:
        written.append(Path(request.context))
    try:
        checkout.hand_over(written)
    except OSError as error:
        message = f"files in the workspace stay root's: {error.strerror}: {error.filename}"
        commands.warning(message, "OwnerNotChanged", "", 0)


def _publish(outcome: Outcome, history: History, page: _Page, locate: Callable[[str], str]) -> int:
    match outcome:
        case None:
            return 0
        case BuildResult():
            page.commands.output("digest", outcome.digest)
            page.commands.output("imageid", outcome.image_id)
            page.commands.output("metadata", json.dumps(metadata_document(outcome)))
            page.summarize(success_summary(outcome, history.warnings))
            return 0
        case _:
            page.annotate(outcome, locate)
            page.summarize(failure_summary(outcome, history.failed, history.warnings))
            return outcome.status


def _summary_file(invocation: Invocation) -> Path | None:
    text = invocation.env.get("GITHUB_STEP_SUMMARY", "")
    return Path(os.path.realpath(text)) if text else None
