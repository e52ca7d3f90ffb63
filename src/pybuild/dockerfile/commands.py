"""RUN, CMD, ENTRYPOINT, SHELL and HEALTHCHECK: syntax nodes → instructions that hold a command."""

from __future__ import annotations

import re

from pybuild.dockerfile.durations import parse_duration_ns
from pybuild.dockerfile.flags import FLAGS, Flags, did_you_mean, read_flags
from pybuild.dockerfile.instructions import Cmd, Command, Entrypoint, HealthCheck, Run, Shell
from pybuild.dockerfile.source import Problem
from pybuild.dockerfile.syntax import Node
from pybuild.dockerfile.words import SPACE, json_array

_NETWORKS = ("default", "none", "host")
_SECURITIES = ("sandbox", "insecure")
_HEALTH_FORM = re.compile(rf"([^{SPACE}]+)[{SPACE}]*(.*)", re.DOTALL)
_DURATIONS = ("interval", "timeout", "start-period", "start-interval")
_MIN_DURATION_NS = 1_000_000  # docker/docker api/types/container: MinimumDuration
_RETRIES = re.compile(r"[-+]?[0-9]{1,10}")
_MAX_RETRIES = 2**31 - 1


def run(node: Node) -> Run:
    """``RUN [flags] text | [array]``; the text keeps the words that open heredocs.

    Bodies keep their tabs: they are for the shell, which removes those of ``<<-`` itself.
    """
    flags = read_flags(node.flags, FLAGS["run"])
    command = _command(node.rest)
    if not command.words:
        raise Problem("RUN requires at least one argument")
    return Run(
        node.location,
        node.original,
        command,
        mounts=flags.values("mount"),
        network=_one_of("network mode", flags.text("network"), _NETWORKS),
        security=_one_of("security mode", flags.text("security"), _SECURITIES),
        devices=flags.values("device"),
        heredocs=node.heredocs,
    )


def cmd(node: Node) -> Cmd:
    """``CMD text | [array]``."""
    read_flags(node.flags, {})
    return Cmd(node.location, node.original, _command(node.rest))


def entrypoint(node: Node) -> Entrypoint:
    """``ENTRYPOINT text | [array]``."""
    read_flags(node.flags, {})
    return Entrypoint(node.location, node.original, _command(node.rest))


def shell(node: Node) -> Shell:
    """``SHELL [array]``."""
    read_flags(node.flags, {})
    words = json_array(node.rest)
    if not node.rest or words == ():
        raise Problem("SHELL requires at least one argument")
    if words is None:
        raise Problem("SHELL requires the arguments to be in JSON form")
    return Shell(node.location, node.original, words)


def healthcheck(node: Node) -> HealthCheck:
    """``HEALTHCHECK NONE | [flags] CMD text | CMD [array]``."""
    match = _HEALTH_FORM.fullmatch(node.rest)
    if match is None:
        raise Problem("HEALTHCHECK requires at least one argument")
    form, rest = match.groups()
    flags = read_flags(node.flags, FLAGS["healthcheck"])
    _check_health_flags(flags)
    return HealthCheck(
        node.location, node.original, _health_command(form.upper(), rest), flags.given
    )


def _command(text: str) -> Command:
    """BuildKit's parseMaybeJSON: what is no JSON array is one text for the shell."""
    words = json_array(text)
    return Command((text,) if words is None else words, shell=words is None)


def _health_command(form: str, rest: str) -> Command | None:
    if form == "NONE":
        if rest:
            raise Problem("HEALTHCHECK NONE takes no arguments")
        return None
    if form != "CMD":
        raise Problem(f'unknown type "{form}" in HEALTHCHECK (try CMD)')
    command = _command(rest)
    if not rest or not command.words:
        raise Problem("missing command after HEALTHCHECK CMD")
    return command


def _check_health_flags(flags: Flags) -> None:
    for name in _DURATIONS:
        _check_duration(name, flags.text(name))
    retries = flags.text("retries")
    if not retries:
        return
    if not _RETRIES.fullmatch(retries) or int(retries) > _MAX_RETRIES:
        raise Problem(f"--retries must be a number, not: {retries}")
    if int(retries) < 0:
        raise Problem(f"--retries cannot be negative ({retries})")


def _check_duration(name: str, text: str) -> None:
    if not text:
        return
    try:
        duration_ns = parse_duration_ns(text)
    except ValueError:
        raise Problem(
            f'invalid duration "{text}" for flag --{name}', hint="write it as in 1m30s"
        ) from None
    if duration_ns and duration_ns < _MIN_DURATION_NS:
        raise Problem(f'interval "{name}" cannot be less than 1ms')


def _one_of(what: str, value: str, known: tuple[str, ...]) -> str:
    if value and value not in known:
        hint = f"use one of {', '.join(known)}"
        raise Problem(f'invalid {what} "{value}"{did_you_mean(value, known)}', hint=hint)
    return value
