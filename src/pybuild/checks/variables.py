"""Which variables are used where nothing defines them."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from pybuild.checks.environment import Moment
from pybuild.checks.nearest import nearest
from pybuild.checks.rules import RULES, Violation
from pybuild.checks.words import expanded_words
from pybuild.dockerfile.expand import used
from pybuild.dockerfile.instructions import Arg, Instruction

_SWITCHES = frozenset({"BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"})
"""ARGs that speak to the builder and are never in the environment."""


def undefined_variables(moment: Moment, escape: str) -> Iterator[Violation]:
    """Violations of UndefinedVar in one instruction; none where its base image is not known."""
    if moment.variables is None:
        return
    instruction = moment.instruction
    if isinstance(instruction, Arg):
        yield from _of_arg(instruction, set(moment.variables), escape)
        return
    names: set[str] = set()
    for word in expanded_words(instruction):
        names |= used(word, escape=escape)
    yield from _violations(names, moment.variables.keys(), instruction)


def _of_arg(arg: Arg, known: set[str], escape: str) -> Iterator[Violation]:
    """Later names of one line see the earlier ones."""
    for name, default in arg.pairs:
        yield from _violations(used(default or "", escape=escape), known, arg)
        known.add(name)


def _violations(
    names: AbstractSet[str], known: AbstractSet[str], instruction: Instruction
) -> Iterator[Violation]:
    for name in sorted(names - known - _SWITCHES):
        meant = nearest(name, sorted(known))
        guess = f" (did you mean ${meant}?)" if meant else ""
        detail = f"Usage of undefined variable '${name}'{guess}"
        yield Violation(RULES["UndefinedVar"], detail, instruction.location)
