"""GitHub's workflow and file commands, by ``actions_toolkit.core``.

The toolkit writes to ``sys.stdout`` without flushing and does not mask: here both are done.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any, TextIO

from pybuild.masking import Masker
from pybuild.report.lines import one_line, parts

_SHORTEST_MASK = 4  # shorter masks would blank out ordinary text
_COMMAND = re.compile(r"^(\s*):(?=:)")


def break_commands(line: str) -> str:
    """A line that the runner does not take for a command.

    It trims a line before it looks for ``::``, and finds the older ``##[`` anywhere in it
    (actions/runner ActionCommand.cs).
    """
    return _COMMAND.sub(r"\1: ", line).replace("##[", "# #[")


class WorkflowCommands:
    """What an action says to its runner.

    Args:
        stdout: The runner reads commands here.
        masker: Applied to everything that is shown.
    """

    def __init__(self, stdout: TextIO, masker: Masker) -> None:
        from actions_toolkit import core  # noqa: PLC0415 - only on GitHub

        self._core = core
        self._stdout = stdout
        self._masker = masker

    def input(self, name: str) -> str:
        """The text of an input, trimmed; empty where it is not given."""
        return str(self._core.get_input(name))

    def output(self, name: str, value: str) -> None:
        """Set an output of the step."""
        self._say(self._core.set_output, name, value)

    def mask(self, secret: str) -> None:
        """Have the runner hide a secret, line by line."""
        for line in parts(secret):
            if len(line.strip()) >= _SHORTEST_MASK:
                self._say(self._core.set_secret, line.strip())

    def warning(self, message: str, title: str, file: str, line: int) -> None:
        """Annotate with a warning; without a file it stands at the job."""
        self._annotate(self._core.warning, message, title, file, line)

    def error(self, message: str, title: str, file: str, line: int) -> None:
        """Annotate with an error; without a file it stands at the job."""
        self._annotate(self._core.error, message, title, file, line)

    def start_group(self, title: str) -> None:
        """Fold what follows."""
        self._say(self._core.start_group, self._masker.mask(one_line(title)))

    def end_group(self) -> None:
        """End the fold."""
        self._say(self._core.end_group)

    def _annotate(
        self, command: Callable[..., None], message: str, title: str, file: str, line: int
    ) -> None:
        properties: dict[str, Any] = {"title": title}
        if file:
            properties |= {"file": file, "start_line": line}
        self._say(command, self._masker.mask(message), **properties)

    def _say(self, command: Callable[..., Any], *arguments: str, **properties: Any) -> None:
        with redirect_stdout(self._stdout):
            command(*arguments, **properties)
        self._stdout.flush()


class GroupFolds:
    """A vertex of the log is a group on the page."""

    def __init__(self, commands: WorkflowCommands) -> None:
        self._commands = commands

    def open(self, title: str) -> None:
        """Begin a group."""
        self._commands.start_group(title)

    def close(self) -> None:
        """End it."""
        self._commands.end_group()
