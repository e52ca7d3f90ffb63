"""Rules of the instructions inside a stage."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from pybuild.checks.environment import Moment, Variables, expanded
from pybuild.checks.rules import RULES, Violation
from pybuild.checks.spelling import keyword
from pybuild.dockerfile.expand import ExpansionError, expand_words
from pybuild.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    HealthCheck,
    Maintainer,
    Stage,
)

IsIgnored = Callable[[str], bool]
"""Whether .dockerignore leaves a path of the context out."""

_ONCE = (Cmd, Entrypoint, HealthCheck)
# BuildKit's getSecretsRegex: tokens that make a name secret, and those that take it back.
_SECRET = re.compile(
    r"(?i)(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)"
    r"(?:_|$)"
)
_HARMLESS = re.compile(r"(?i)(?:_|^)(?:public|file|version)(?:_|$)")
_HOST_PORT = re.compile(r"(?:\[[^\]]*\]|[^:/]*):")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://|git@", re.IGNORECASE)


def instruction_rules(
    moment: Moment, *, has_shell: bool, escape: str, is_ignored: IsIgnored | None
) -> Iterator[Violation]:
    """Violations in one instruction.

    Args:
        moment: The instruction and what is defined before it.
        has_shell: Whether a SHELL is in force.
        escape: The Dockerfile's escape character.
        is_ignored: None where .dockerignore has exceptions, or there is no context.
    """
    instruction = moment.instruction
    match instruction:
        case Cmd() | Entrypoint() if instruction.command.shell and not has_shell:
            detail = (
                f"JSON arguments recommended for {keyword(instruction)} to prevent unintended "
                "behavior related to OS signals"
            )
            yield Violation(RULES["JSONArgsRecommended"], detail, instruction.location)
        case Maintainer():
            detail = "Maintainer instruction is deprecated in favor of using label"
            yield Violation(RULES["MaintainerDeprecated"], detail, instruction.location)
        case Arg() | Env():
            yield from _secret_names(instruction)
        case Expose():
            yield from _exposed(instruction, moment.variables, escape)
        case Copy() | Add() if is_ignored is not None:
            yield from _ignored(instruction, moment.variables, escape, is_ignored)
        case _:
            pass


def repeated(stage: Stage) -> Iterator[Violation]:
    """CMD, ENTRYPOINT and HEALTHCHECK of a stage: all but the last of its kind."""
    for kind in _ONCE:
        found = [one for one in stage.instructions if isinstance(one, kind)]
        for instruction, following in pairwise(found):
            name = keyword(following)
            detail = (
                f"Multiple {name} instructions should not be used in the same stage because only "
                "the last one will be used"
            )
            yield Violation(RULES["MultipleInstructionsDisallowed"], detail, instruction.location)


def _secret_names(instruction: Arg | Env) -> Iterator[Violation]:
    kind = "ARG" if isinstance(instruction, Arg) else "ENV"
    for name, _ in instruction.pairs:
        if _SECRET.search(name) and not _HARMLESS.search(name):
            detail = f'Do not use ARG or ENV instructions for sensitive data ({kind} "{name}")'
            yield Violation(RULES["SecretsUsedInArgOrEnv"], detail, instruction.location)


def _exposed(instruction: Expose, variables: Variables | None, escape: str) -> Iterator[Violation]:
    for word in instruction.ports:
        for port in _ports(word, variables, escape):
            protocol = port.rpartition("/")[2] if "/" in port else ""
            if protocol != protocol.lower():
                detail = f"Defined protocol '{port}' in EXPOSE instruction should be lowercase"
                yield Violation(RULES["ExposeProtoCasing"], detail, instruction.location)
            if _HOST_PORT.match(port):
                detail = (
                    "EXPOSE instruction should not define an IP address or host-port mapping, "
                    f"found '{port}'"
                )
                yield Violation(RULES["ExposeInvalidFormat"], detail, instruction.location)


def _ports(word: str, variables: Variables | None, escape: str) -> list[str]:
    if variables is None:
        return [] if "$" in word else [word]
    try:
        return expand_words(word, variables, escape=escape)
    except ExpansionError:
        return []


def _ignored(
    instruction: Copy | Add, variables: Variables | None, escape: str, is_ignored: IsIgnored
) -> Iterator[Violation]:
    if isinstance(instruction, Copy) and instruction.from_:
        return
    verb = "Add" if isinstance(instruction, Add) else "Copy"
    for word in instruction.sources:
        source = expanded(word, variables, escape)
        if source is None or _URL.match(source):
            continue
        if _is_left_out(source, is_ignored):
            detail = f'Attempting to {verb} file "{source}" that is excluded by .dockerignore'
            yield Violation(RULES["CopyIgnoredFile"], detail, instruction.location)


def _is_left_out(source: str, is_ignored: IsIgnored) -> bool:
    """BuildKit matches the path as written, and its parents as ``filepath.Dir`` gives them."""
    parent = posixpath.normpath(posixpath.dirname(source) or ".")
    written = not source.startswith(("/", "./")) and ".." not in source.split("/")
    return (written and is_ignored(source)) or (parent[0] not in "/." and is_ignored(parent))
