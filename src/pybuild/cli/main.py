"""The entry point: which command, and what becomes of its errors."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from types import FrameType, MappingProxyType
from typing import NoReturn, TextIO

from pybuild.cli.invocation import Invocation
from pybuild.cli.start import ENDING, end_at_once
from pybuild.errors import PybuildError, StepFailed, Terminated, UsageError
from pybuild.report.outcome import error_lines
from pybuild.settings.argv import closest
from pybuild.settings.table import OPTIONS

EXIT_BUG = 70
"""EX_SOFTWARE of sysexits.h: an error that no class of ours names."""

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "build": ("pybuild.cli.build_command", "Build an image, with docker's flags."),
        "executor": ("pybuild.cli.executor_command", "Build an image, with Kaniko's flags."),
        "check": ("pybuild.cli.check_command", "Check a Dockerfile without building it."),
        "github": ("pybuild.ci.github", "Build with the inputs of the GitHub action."),
        "gitlab": ("pybuild.ci.gitlab", "Build with the variables of the GitLab component."),
        "tekton": ("pybuild.ci.tekton", "Build with the parameters of the Tekton Task."),
        "cache": ("pybuild.cli.cache_command", "List, clear up and fill caches."),
        "doctor": ("pybuild.cli.doctor_command", "Tell what this place can do."),
        "version": ("pybuild.cli.version_command", "Print the version."),
    }
)
"""Module, imported when the command is run, and what it does."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; the exit code is the answer."""
    try:
        _on_signals(_terminate)
        status = run(Invocation.of_this_process(argv))
    except Terminated:  # before the run or after it
        status = Terminated.exit_code
    _on_signals(end_at_once)
    if status == Terminated.exit_code:
        # The trees are gone and the root is restored; no upload's thread is waited for.
        os._exit(status)
    _flush_or_silence(sys.stdout)
    return status


def run(invocation: Invocation) -> int:
    """Run what an invocation asks for; no error leaves this function."""
    for secret in _secrets(invocation.env):
        invocation.masker.add(secret)
    name = ""
    try:
        name, arguments = _choose(invocation)
        if name == "help":
            invocation.out.line(_help())
            return 0
        module = importlib.import_module(COMMANDS[name][0])
        return int(module.run(invocation.with_arguments(arguments)))
    except PybuildError as error:
        executor = name == "executor"
        for line in error_lines(error, "error building image: " if executor else "ERROR: "):
            invocation.err.line(line)
        return exit_code(error, executor=executor)
    except KeyboardInterrupt:
        return Terminated.exit_code
    except Exception:  # noqa: BLE001 - the last line: a bug is shown whole, and masked
        invocation.err.line(traceback.format_exc().rstrip())
        invocation.err.line("ERROR: this is a bug in pybuild")
        return EXIT_BUG


def exit_code(error: PybuildError, *, executor: bool = False) -> int:
    """The exit code for an error; Kaniko's is 1 for all but a command's own and a signal."""
    if executor and not isinstance(error, StepFailed | Terminated):
        return 1
    return error.status


def _choose(invocation: Invocation) -> tuple[str, tuple[str, ...]]:
    arguments = invocation.arguments
    if PurePath(invocation.program).name == "executor":
        return "executor", arguments
    if not arguments:
        if invocation.env.get("GITHUB_ACTIONS"):
            return "github", ()
        raise UsageError("no command is given", hint="pybuild --help lists the commands")
    first, rest = arguments[0], arguments[1:]
    if first in COMMANDS:
        return first, rest
    if first in {"--help", "-h", "help"}:
        return "help", ()
    if first == "--version":
        return "version", rest
    if first.startswith("-"):
        return "executor", arguments
    meant = closest(first, COMMANDS)
    hint = f"did you mean {meant}?" if meant else "pybuild --help lists the commands"
    raise UsageError(f"unknown command: {first}", hint=hint)


def _help() -> str:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:{width}}  {text}" for name, (_, text) in COMMANDS.items())
    return (
        "Build a Dockerfile into an OCI image without a daemon and without privileges.\n\n"
        "Usage: pybuild COMMAND [OPTIONS]\n\n"
        f"Commands:\n{commands}\n\n"
        "Arguments that begin with a dash and name no command are those of the executor.\n"
        "pybuild build --help and pybuild executor --help list the options."
    )


def _secrets(env: Mapping[str, str]) -> list[str]:
    names = [option.variable for option in OPTIONS if option.secret]
    # CI_REGISTRY_PASSWORD and CI_JOB_TOKEN are GitLab's, the others Kaniko's.
    names += ["GIT_TOKEN", "GIT_PASSWORD", "CI_REGISTRY_PASSWORD", "CI_JOB_TOKEN"]
    return [env[name] for name in names if env.get(name)]


def _on_signals(handler: Callable[[int, FrameType | None], object]) -> None:
    for number in ENDING:
        signal.signal(number, handler)


def _flush_or_silence(stream: TextIO) -> None:
    """Keep the interpreter's own last flush quiet, where an archive's reader has gone away."""
    try:
        stream.flush()
    except OSError:  # it has been told of by whoever wrote
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    # A second signal ends the process at once; SIG_DFL would be no end for process 1.
    signal.signal(number, end_at_once)
    raise Terminated(f"ended by {signal.Signals(number).name}")


if __name__ == "__main__":
    sys.exit(main())
