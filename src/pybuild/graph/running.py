"""RUN: the command with its here-documents, its mounts and its surroundings."""

from __future__ import annotations

from dataclasses import replace

from pybuild.dockerfile.heredocs import chomped, heredoc_word
from pybuild.dockerfile.instructions import Command, Heredoc, Run
from pybuild.errors import HostUnsupported
from pybuild.graph import history
from pybuild.graph.mounts import read_mounts
from pybuild.graph.plan import Action, Inline, RunAction
from pybuild.graph.reading import Reading

SCRIPTS = "/dev/pipes/"
"""Where a here-document that is a program of its own appears (dockerfile2llb ``dispatchRun``)."""


def run(reading: Reading, instruction: Run) -> Action:
    """``RUN``: what is executed, by whom, where, and what it sees."""
    _refuse(reading, instruction)
    if not any(instruction.command.words):
        raise reading.problem(instruction, "RUN requires at least one argument")
    state = reading.state
    command, script = _command(reading, instruction)
    argv = reading.command(command)
    mounts = read_mounts(reading, instruction)
    reading.note(history.run_text(argv, state.args), layer=True)
    return RunAction(
        argv if script is None else command.words,  # it is what it is, whatever SHELL says
        state.environment(),
        tuple(pair for pair in reading.scope.proxies() if pair[0] not in state.env),
        state.run.user,
        state.workdir,
        mounts,
        instruction.network or "default",
        script,
    )


def summary(instruction: Run) -> str:
    """What a command that is nothing but a here-document does, for its title: ``(make...)``."""
    only = _only_heredoc(instruction)
    lines = only.body.strip().splitlines() if only else []
    if not lines:
        return ""
    return f" ({lines[0]}{'...' if len(lines) > 1 else ''})"


def _refuse(reading: Reading, instruction: Run) -> None:
    """What no build in a plain container can give."""
    if instruction.devices:
        raise reading.problem(
            instruction,
            f"RUN --device={instruction.devices[0]} is not supported: a build gets no devices of "
            "the machine",
            "leave it out, or do that work where the image is used",
        )
    if instruction.security == "insecure":
        raise HostUnsupported(
            "RUN --security=insecure is not supported: a build never has more rights than the "
            "container it goes on in",
            hint="leave it out; a container that is started with more rights hands them to a RUN",
            excerpt=reading.dockerfile.excerpt(instruction.location),
        )


def _command(reading: Reading, instruction: Run) -> tuple[Command, Inline | None]:
    """The command with its here-documents; variables in them are the shell's, not ours."""
    if not instruction.heredocs:
        return instruction.command, None
    only = _only_heredoc(instruction)
    if only is None:
        text = instruction.command.words[0]
        bodies = (f"\n{heredoc.body}{heredoc.name}" for heredoc in instruction.heredocs)
        return replace(instruction.command, words=(text + "".join(bodies),)), None
    if not only.body.startswith("#!"):
        return replace(instruction.command, words=(only.body,)), None
    if "/" in only.name or only.name in {".", ".."}:
        raise reading.problem(
            instruction,
            f'the here-document "{only.name}" cannot be run: its word is no file name',
            "give it a plain word, as in <<EOF",
        )
    script = Inline(only.name, only.body.encode("utf-8", "surrogateescape"))
    return replace(instruction.command, words=(SCRIPTS + only.name,)), script


def _only_heredoc(instruction: Run) -> Heredoc | None:
    """The here-document that is the whole command, as its reader sees it."""
    if not instruction.heredocs or heredoc_word(instruction.command.words[0]) is None:
        return None
    return chomped(instruction.heredocs[0])
