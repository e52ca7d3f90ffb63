"""Where the values of options come from, and which one wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pybuild.errors import UsageError
from pybuild.events import BuildWarning
from pybuild.settings import argv, lists, quantities
from pybuild.settings.docker_flags import DOCKER_FLAGS, check_docker_flag
from pybuild.settings.option import PREFIX, Form, Kind, Option
from pybuild.settings.table import BY_NAME, FRONT_END_VARIABLES, OPTIONS

_TRUE = frozenset({"1", "t", "true", "y", "yes", "on"})
_FALSE = frozenset({"0", "f", "false", "n", "no", "off"})


@dataclass(frozen=True, slots=True)
class Given:
    """Values as typed, and where they were: a flag, a variable or an input."""

    values: tuple[str, ...]
    source: str


Layer = Mapping[str, Given]
"""What one source gives, by option name."""


class Values:
    """The options of one build: of several sources the first that gives an option decides."""

    def __init__(self, *layers: Layer) -> None:
        self._layers = layers

    def given(self, name: str) -> Given | None:
        """The values that decide, or None where only the default is left."""
        return next((layer[name] for layer in self._layers if name in layer), None)

    def source(self, name: str) -> str:
        """How to name an option in an error: as the user gave it."""
        found = self.given(name)
        return found.source if found else argv.dashed(name)

    def many(self, name: str) -> tuple[str, ...]:
        """The values of a list; empty ones do not count."""
        found = self.given(name)
        return tuple(value for value in found.values if value) if found else ()

    def text(self, name: str) -> str:
        """The value of an option that has one; the last where it was given several times.

        Raises:
            UsageError: It is not one of the option's choices.
        """
        found = self.given(name)
        option = BY_NAME[name]
        value = (found.values[-1] if found and found.values else "") or option.default
        if option.choices and value not in option.choices:
            meant = argv.closest(value, option.choices)
            hint = f"did you mean {meant}?" if meant else ""
            allowed = ", ".join(option.choices)
            raise UsageError(f"{self.source(name)}: {value!r} is not one of {allowed}", hint=hint)
        return value

    def flag(self, name: str) -> bool:
        """Whether a flag is on.

        Raises:
            UsageError: The value is not a truth value.
        """
        found = self.given(name)
        text = found.values[-1] if found and found.values else BY_NAME[name].default
        return truth(text, self.source(name))

    def number(self, name: str, *, least: int = 0) -> int | None:
        """The whole number, or None where there is none.

        Raises:
            UsageError: The value is no number, or is below least.
        """
        text = self.text(name)
        return quantities.number(text, self.source(name), least=least) if text else None

    def size_bytes(self, name: str) -> int | None:
        """The size in bytes, or None where there is none.

        Raises:
            UsageError: The value is no size.
        """
        text = self.text(name)
        return quantities.size_bytes(text, self.source(name)) if text else None

    def duration_s(self, name: str) -> int | None:
        """The duration in seconds, or None where there is none.

        Raises:
            UsageError: The value is no duration.
        """
        text = self.text(name)
        return quantities.duration_s(text, self.source(name)) if text else None


def truth(text: str, source: str) -> bool:
    """Read a truth value as Go, YAML and people write it.

    Raises:
        UsageError: It is none.
    """
    lowered = text.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise UsageError(f"{source}: {text!r} is neither true nor false")


def name_and_value(text: str, source: str) -> tuple[str, str]:
    """Read ``NAME=VALUE``; without ``=`` the value is empty.

    Raises:
        UsageError: The name is empty.
    """
    name, _, value = text.partition("=")
    if not name:
        raise UsageError(f"{source}: {text!r} is not of the form NAME=VALUE")
    return name, value


def from_flags(parsed: argv.Parsed) -> dict[str, Given]:
    """What the flags of ``build`` give; repeated ones are collected in order.

    Raises:
        UsageError: A flag of docker's asks for what there is not yet.
    """
    by_flag = {name: option for option in OPTIONS for name in (option.name, option.short) if name}
    collected: dict[str, list[str]] = {}
    for flag, value in parsed.flags:
        if flag.name in DOCKER_FLAGS:
            check_docker_flag(flag.name, value)
            continue
        collected.setdefault(by_flag[flag.name].name, []).append(value)
    return {name: Given(tuple(values), argv.dashed(name)) for name, values in collected.items()}


def build_flags() -> tuple[argv.Flag, ...]:
    """The flags of ``build``."""
    ours = (
        argv.Flag(name, boolean=option.kind is Kind.FLAG)
        for option in OPTIONS
        if option.form is Form.FLAG
        for name in (option.name, option.short)
        if name
    )
    return (*ours, *(argv.Flag(flag.name, flag.boolean) for flag in DOCKER_FLAGS.values()))


def from_environment(env: Mapping[str, str]) -> dict[str, Given]:
    """What ``PYBUILD_*`` gives; an empty variable gives nothing."""
    texts = ((option, option.variable, env.get(option.variable, "")) for option in OPTIONS)
    return from_texts(texts)


def from_texts(texts: Iterable[tuple[Option, str, str]]) -> dict[str, Given]:
    """What options give whose values are one text each: variables and inputs.

    Args:
        texts: Option, how the source is named in errors, and the text.
    """
    layer: dict[str, Given] = {}
    for option, source, text in texts:
        values = lists.split(text, option.kind, source)
        if values:
            layer[option.name] = Given(values, source)
    return layer


def unknown_variables(env: Mapping[str, str]) -> tuple[BuildWarning, ...]:
    """A warning for each ``PYBUILD_*`` that nothing reads: most are misspelled."""
    known = {option.variable for option in OPTIONS} | set(FRONT_END_VARIABLES)
    unknown = sorted(name for name in env if name.startswith(PREFIX) and name not in known)
    return tuple(_unknown(name, known) for name in unknown)


def _unknown(name: str, known: Iterable[str]) -> BuildWarning:
    # Compared without the prefix, which makes all of them alike.
    meant = argv.closest(name.removeprefix(PREFIX), (k.removeprefix(PREFIX) for k in known))
    hint = f"; did you mean {PREFIX}{meant}?" if meant else ""
    return BuildWarning("UnknownVariable", f"the variable {name} is not read by anything{hint}")
