"""Parser directives: ``# syntax=``, ``# escape=`` and ``# check=`` at the head of the file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pybuild.dockerfile.frontend import check_frontend
from pybuild.dockerfile.source import Problem, Source
from pybuild.dockerfile.words import SPACE
from pybuild.errors import DockerfileError

_KNOWN = frozenset({"syntax", "escape", "check"})
_DIRECTIVE = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*")
_DEFAULT_ESCAPE = "\\"
_ESCAPES = frozenset({"\\", "`"})


@dataclass(frozen=True, slots=True)
class Directives:
    """What the head of a Dockerfile sets: (name, value) in order, and the escape character."""

    values: tuple[tuple[str, str], ...]
    escape: str


def read_directives(source: Source, reader: str | None = None) -> Directives:
    """Read directives up to the first line that is none; from there on all are comments.

    Args:
        source: The file.
        reader: The frontend that is asked for instead of the one that ``syntax`` names, or None.

    Raises:
        DockerfileError: a directive is repeated, its value is wrong, or ``syntax`` names a
            frontend that is not the Dockerfile's.
    """
    if reader is not None:
        try:
            check_frontend(reader)
        except Problem as problem:
            raise DockerfileError(problem.message, hint=problem.hint) from None
    values: dict[str, str] = {}
    for number, line in enumerate(source.lines, start=1):
        directive = _directive(line)
        # BuildKit looks for the frontend behind a "#!" line, and takes it for a comment otherwise.
        shebang = number == 1 and line.startswith("#!")
        if directive is None and not shebang:
            break
        if directive is not None:
            try:
                _check(directive, values, reader)
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


def _check(directive: tuple[str, str], seen: dict[str, str], reader: str | None) -> None:
    name, value = directive
    if name in seen:
        raise Problem(f"only one {name} parser directive can be used")
    if name == "escape" and value not in _ESCAPES:
        raise Problem(f"invalid escape token '{value}' does not match ` or \\")
    if name == "syntax" and reader is None:
        check_frontend(value)
