"""The command line as pflag reads it, which docker and Kaniko use.

Grammar::

    argument = "--" name "=" value        any flag
             | "--" name                  a boolean flag: true
             | "--" name  value           any other flag; the value may begin with a dash
             | "-" letters ["=" value]    boolean letters, the last one may take a value
             | "-" letter value
             | word                       a positional; "-" is one too
             | "--"                       what follows is positional

argparse reads none of these quite so: it abbreviates, refuses values that begin with a dash, and
lets an optional value swallow a positional.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pybuild.errors import UsageError


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag that a command takes; name is without dashes, a single letter is a short flag."""

    name: str
    boolean: bool = False

    def __str__(self) -> str:
        return dashed(self.name)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What stood on a command line: flags with their values in order, and positionals."""

    flags: tuple[tuple[Flag, str], ...]
    positionals: tuple[str, ...]


def dashed(name: str) -> str:
    """The flag as it is typed."""
    return ("-" if len(name) == 1 else "--") + name


def parse(arguments: Sequence[str], flags: Iterable[Flag]) -> Parsed:
    """Read a command line.

    Raises:
        UsageError: A flag is unknown or lacks its value.
    """
    known = {flag.name: flag for flag in flags}
    rest = iter(arguments)
    given: list[tuple[Flag, str]] = []
    positionals: list[str] = []
    for argument in rest:
        if argument == "--":
            positionals.extend(rest)
        elif argument.startswith("--"):
            given.append(_long(argument[2:], known, rest))
        elif argument.startswith("-") and argument != "-":
            given.extend(_letters(argument[1:], known, rest))
        else:
            positionals.append(argument)
    return Parsed(tuple(given), tuple(positionals))


def closest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or empty."""
    matches = difflib.get_close_matches(word, tuple(known), n=1, cutoff=0.6)
    return matches[0] if matches else ""


def _long(text: str, known: Mapping[str, Flag], rest: Iterator[str]) -> tuple[Flag, str]:
    name, equals, value = text.partition("=")
    flag = known.get(name) if len(name) > 1 else None
    if flag is None:
        raise _unknown("--" + name, known)
    if equals:
        return flag, value
    return flag, "true" if flag.boolean else _next(flag, rest)


def _letters(
    text: str, known: Mapping[str, Flag], rest: Iterator[str]
) -> Iterator[tuple[Flag, str]]:
    while text:
        flag = known.get(text[0])
        if flag is None:
            raise _unknown("-" + text[0], known)
        text = text[1:]
        if text.startswith("="):
            yield flag, text[1:]
            return
        if not flag.boolean:
            yield flag, text or _next(flag, rest)
            return
        yield flag, "true"


def _next(flag: Flag, rest: Iterator[str]) -> str:
    value = next(rest, None)
    if value is None:
        raise UsageError(f"{flag} needs a value")
    return value


def _unknown(typed: str, known: Mapping[str, Flag]) -> UsageError:
    long_names = (name for name in known if len(name) > 1)
    meant = closest(typed[2:], long_names) if typed.startswith("--") else ""
    hint = f"did you mean {dashed(meant)}?" if meant else "--help lists the flags"
    return UsageError(f"unknown flag: {typed}", hint=hint)
