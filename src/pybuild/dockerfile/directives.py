"""Parser directives: ``# syntax=``, ``# escape=`` and ``# check=`` at the head of the file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pybuild.dockerfile.source import Problem, Source
from pybuild.dockerfile.words import SPACE

_KNOWN = frozenset({"syntax", "escape", "check"})
_DIRECTIVE = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*")
_DEFAULT_ESCAPE = "\\"
_ESCAPES = frozenset({"\\", "`"})

# Every release of the language is meant: tags choose a version, and we speak the newest.
_OUR_FRONTENDS = ("docker/dockerfile", "docker/dockerfile-upstream")


@dataclass(frozen=True, slots=True)
class Directives:
    """What the head of a Dockerfile sets: (name, value) in order, and the escape character."""

    values: tuple[tuple[str, str], ...]
    escape: str


def read_directives(source: Source) -> Directives:
    """Read directives up to the first line that is none; from there on all are comments.

    Raises:
        DockerfileError: a directive is repeated, its value is wrong, or ``syntax`` names a
            frontend that is not the Dockerfile's.
    """
    values: dict[str, str] = {}
    for number, line in enumerate(source.lines, start=1):
        directive = _directive(line)
        # BuildKit looks for the frontend behind a "#!" line, and takes it for a comment otherwise.
        shebang = number == 1 and line.startswith("#!")
        if directive is None and not shebang:
            break
        if directive is not None:
            try:
                _check(directive, values)
            except Problem as problem:
                raise source.error(problem, source.location(number)) from None
            values[directive[0]] = directive[1]
    return Directives(tuple(values.items()), values.get("escape", _DEFAULT_ESCAPE))


def _directive(line: str) -> tuple[str, str] | None:
    text = line.lstrip(SPACE)
    match = _DIRECTIVE.fullmatch(text.removeprefix("#").lstrip(SPACE))
    if not text.startswith("#") or match is None or match[1].lower() not in _KNOWN:
        return None
    return match[1].lower(), match[2]


def _check(directive: tuple[str, str], seen: dict[str, str]) -> None:
    name, value = directive
    if name in seen:
        raise Problem(f"only one {name} parser directive can be used")
    if name == "escape" and value not in _ESCAPES:
        raise Problem(f"invalid escape token '{value}' does not match ` or \\")
    if name == "syntax":
        _check_frontend(value.split(maxsplit=1)[0])


def _check_frontend(reference: str) -> None:
    """Refuse a frontend that speaks another language; mirrors of ours keep its path's end."""
    path, _, tag = reference.partition("@")[0].rpartition(":")
    repository = path if path and "/" not in tag else reference.partition("@")[0]
    if not f"/{repository}".endswith(tuple(f"/{name}" for name in _OUR_FRONTENDS)):
        raise Problem(
            f"frontend {reference} is not supported: this builder reads {_OUR_FRONTENDS[0]} itself",
            hint="remove the syntax directive, or name docker/dockerfile:1",
        )
