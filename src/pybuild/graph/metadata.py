"""Instructions that change the configuration and make no layer."""

from __future__ import annotations

from dataclasses import replace

from pybuild.dockerfile.durations import parse_duration_ns
from pybuild.dockerfile.expand import ExpansionError, expand_words
from pybuild.dockerfile.instructions import (
    Arg,
    Cmd,
    Entrypoint,
    Env,
    Expose,
    HealthCheck,
    Label,
    Maintainer,
    OnBuild,
    Shell,
    StopSignal,
    User,
    Volume,
)
from pybuild.graph import history
from pybuild.graph.expose import exposed
from pybuild.graph.reading import Reading
from pybuild.graph.signals import valid_signal
from pybuild.oci.config import HealthcheckConfig


def env(reading: Reading, instruction: Env) -> None:
    """``ENV``: all pairs of one line see the environment before it."""
    pairs = [_pair(reading, instruction, *pair) for pair in instruction.pairs]
    for name, value in pairs:
        reading.state.set_env(name, value)
    reading.note(history.pairs_text("ENV", pairs))


def label(reading: Reading, instruction: Label) -> None:
    """``LABEL``: later ones win."""
    pairs = [_pair(reading, instruction, *pair) for pair in instruction.pairs]
    reading.state.labels.update(pairs)
    reading.note(history.pairs_text("LABEL", pairs))


def arg(reading: Reading, instruction: Arg) -> None:
    """``ARG``: build-arg, then its default, then the global value; later ones see earlier ones."""
    shown: list[tuple[str, str | None]] = []
    for name, default in instruction.pairs:
        unasked = default is None or name in reading.scope.given  # then it need not expand
        filled = None if unasked else reading.word(instruction, default or "")
        value = reading.scope.value(name, filled)
        reading.state.declare_arg(name, value)
        shown.append((name, value))
    reading.note(history.pairs_text("ARG", shown))


def user(reading: Reading, instruction: User) -> None:
    """``USER``: kept as it is; looked up when something runs."""
    name = reading.word(instruction, instruction.user)
    reading.state.run = replace(reading.state.run, user=name)
    reading.note(f"USER {name}")


def cmd(reading: Reading, instruction: Cmd) -> None:
    """``CMD``: the shell before it in the shell form."""
    words = reading.command(instruction.command)
    reading.state.run = replace(reading.state.run, cmd=words, args_escaped=True)
    reading.state.cmd_set = True
    reading.note(history.words_text("CMD", words))


def entrypoint(reading: Reading, instruction: Entrypoint) -> None:
    """``ENTRYPOINT``: a command of the base is forgotten, one of this stage stays."""
    words = reading.command(instruction.command)
    reading.state.run = replace(reading.state.run, entrypoint=words)
    if not reading.state.cmd_set:
        reading.state.run = replace(reading.state.run, cmd=None)
    reading.note(history.words_text("ENTRYPOINT", words))


def expose(reading: Reading, instruction: Expose) -> None:
    """``EXPOSE``: ranges are spelled out."""
    escape = reading.dockerfile.escape
    try:
        words = [
            word
            for text in sorted(instruction.ports)  # as BuildKit, which does so before it expands
            for word in expand_words(text, reading.state.env, escape=escape)
        ]
        ports = exposed(words)
    except (ExpansionError, ValueError) as error:
        raise reading.problem(instruction, str(error)) from None
    reading.state.exposed_ports.update(ports)
    reading.note(history.list_text("EXPOSE", ports))


def volume(reading: Reading, instruction: Volume) -> None:
    """``VOLUME``: what later steps write there stays in the image all the same."""
    paths = [reading.word(instruction, path) for path in instruction.paths]
    if not all(paths):
        raise reading.problem(instruction, "VOLUME specified can not be an empty string")
    reading.state.volumes.update(paths)
    reading.note(history.list_text("VOLUME", paths))


def shell(reading: Reading, instruction: Shell) -> None:
    """``SHELL``: for the shell forms that follow."""
    reading.state.run = replace(reading.state.run, shell=instruction.words)
    reading.note(history.list_text("SHELL", instruction.words))


def stop_signal(reading: Reading, instruction: StopSignal) -> None:
    """``STOPSIGNAL``: a name or a number that Linux knows."""
    signal = reading.word(instruction, instruction.signal)
    if not valid_signal(signal):
        raise reading.problem(instruction, f"invalid signal: {signal}")
    reading.state.run = replace(reading.state.run, stop_signal=signal)
    reading.note(f"STOPSIGNAL {signal}")


def maintainer(reading: Reading, instruction: Maintainer) -> None:
    """``MAINTAINER``: the image's author."""
    reading.state.author = instruction.name
    reading.note(f"MAINTAINER {instruction.name}")


def on_build(reading: Reading, instruction: OnBuild) -> None:
    """``ONBUILD``: kept as text for whoever builds on the stage; history does not show it."""
    reading.state.on_build.append(instruction.text)


def health_check(reading: Reading, instruction: HealthCheck) -> None:
    """``HEALTHCHECK``: replaces all of the base's; SHELL does not count."""
    check = _check(instruction)
    reading.state.run = replace(reading.state.run, healthcheck=check)
    reading.note(history.healthcheck_text(check))


def _check(instruction: HealthCheck) -> HealthcheckConfig:
    command = instruction.command
    if command is None:
        return HealthcheckConfig(("NONE",))
    flags = {name: value for name, value in instruction.flags if value}
    times = {name: parse_duration_ns(value) for name, value in flags.items() if name != "retries"}
    return HealthcheckConfig(
        ("CMD-SHELL" if command.shell else "CMD", *command.words),
        times.get("interval", 0),
        times.get("timeout", 0),
        times.get("start-period", 0),
        times.get("start-interval", 0),
        int(flags.get("retries", "0")),
    )


def _pair(reading: Reading, instruction: Env | Label, name: str, value: str) -> tuple[str, str]:
    return reading.word(instruction, name), reading.word(instruction, value)
