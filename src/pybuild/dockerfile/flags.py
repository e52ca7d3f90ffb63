"""The flags of an instruction: ``--name[=value]`` words before its arguments."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from pybuild.dockerfile.source import Problem
from pybuild.dockerfile.words import SPACE


class FlagKind(Enum):
    """What a flag takes."""

    SWITCH = auto()  # nothing, true or false
    TEXT = auto()  # a value, once
    LIST = auto()  # a value each time it is given


_COPY: dict[str, FlagKind] = {
    "chown": FlagKind.TEXT,
    "chmod": FlagKind.TEXT,
    "link": FlagKind.SWITCH,
    "exclude": FlagKind.LIST,
}

# BuildKit frontend/dockerfile/instructions/parse.go; other instructions have none.
FLAGS: Mapping[str, Mapping[str, FlagKind]] = {
    "from": {"platform": FlagKind.TEXT},
    "run": {
        "mount": FlagKind.LIST,
        "network": FlagKind.TEXT,
        "security": FlagKind.TEXT,
        "device": FlagKind.LIST,
    },
    "copy": {**_COPY, "from": FlagKind.TEXT, "parents": FlagKind.SWITCH},
    "add": {
        **_COPY,
        "checksum": FlagKind.TEXT,
        "keep-git-dir": FlagKind.SWITCH,
        "unpack": FlagKind.SWITCH,
    },
    "healthcheck": {
        "interval": FlagKind.TEXT,
        "timeout": FlagKind.TEXT,
        "start-period": FlagKind.TEXT,
        "start-interval": FlagKind.TEXT,
        "retries": FlagKind.TEXT,
    },
}


@dataclass(frozen=True, slots=True)
class Flags:
    """Flags as given: (name, value) in order; a switch's value is ``true`` or ``false``."""

    given: tuple[tuple[str, str], ...]

    def text(self, name: str) -> str:
        """The value, or empty."""
        return dict(self.given).get(name, "")

    def switch(self, name: str) -> bool | None:
        """On, off, or None where it is not given."""
        value = dict(self.given).get(name)
        return None if value is None else value == "true"

    def values(self, name: str) -> tuple[str, ...]:
        """Every value, in order."""
        return tuple(value for given, value in self.given if given == name)


# As in BuildKit, the backslash escapes here whatever the escape directive says.
_SPACES = re.compile(f"[{re.escape(SPACE)}]*")
_WORD = re.compile(
    rf"""(?: \\.? | ' (?: [^'\\] | \\.? )*+ '? | " (?: [^"\\] | \\.? )*+ "?
    | [^'"\\{re.escape(SPACE)}] )+""",
    re.VERBOSE | re.DOTALL,
)
_QUOTING = re.compile(
    r"""\\(.?) | '((?: [^'\\] | \\.? )*+)'? | "((?: [^"\\] | \\.? )*+)"?""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)


def split_flags(text: str) -> tuple[tuple[str, ...], str]:
    """The flag words at the head of text, without quotes and escapes, and the rest.

    ``--`` alone ends the flags and is dropped.
    """
    flags: list[str] = []
    position = 0
    while True:
        position = _end(_SPACES, text, position)
        if not text.startswith("--", position):
            return tuple(flags), text[position:]
        end = _end(_WORD, text, position)
        word = _QUOTING.sub(_unquoted, text[position:end])
        position = end
        if word == "--":
            return tuple(flags), text[position:]
        flags.append(word)


def read_flags(words: Iterable[str], known: Mapping[str, FlagKind]) -> Flags:
    """Flag words as names and values.

    Raises:
        Problem: a flag is unknown, given twice, or its value is missing or wrong.
    """
    given: list[tuple[str, str]] = []
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        kind = known.get(name)
        if kind is None:
            raise Problem(f"unknown flag: --{name}{did_you_mean(name, known, prefix='--')}")
        if kind is not FlagKind.LIST and name in dict(given):
            raise Problem(f"duplicate flag specified: --{name}")
        given.append((name, _value(name, kind, value if equals else None)))
    return Flags(tuple(given))


def did_you_mean(word: str, known: Iterable[str], *, prefix: str = "") -> str:
    """`` (did you mean X?)`` where something known is near, else nothing."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {prefix}{near[0]}?)" if near else ""


def _value(name: str, kind: FlagKind, value: str | None) -> str:
    if kind is not FlagKind.SWITCH:
        if value is None:
            raise Problem(f"missing a value on flag: --{name}")
        return value
    if value == "":
        raise Problem(f"missing a value on flag: --{name}")
    switch = "true" if value is None else value.lower()
    if switch not in {"true", "false"}:
        raise Problem(f"expecting boolean value for flag --{name}, not: {value}")
    return switch


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _unquoted(match: re.Match[str]) -> str:
    escaped, single, double = match.groups()
    if escaped is not None:
        return escaped
    return _ESCAPED.sub(r"\1", single if single is not None else double)
