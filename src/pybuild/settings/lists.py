"""Several values in one text: variables, inputs, and docker's ``key=value,…``."""

from __future__ import annotations

import csv
import re

from pybuild.errors import UsageError
from pybuild.settings.option import Kind

_QUOTED = re.compile(r'[ \t]*"((?:[^"]|"")*)"[ \t\r]*(?:\n|\Z)')
_LINE = re.compile(r"([^\n]*)(?:\n|\Z)")


def split(text: str, kind: Kind, source: str) -> tuple[str, ...]:
    """The values in the text of a variable or an input, trimmed, without empty ones.

    A list has one value a line. A value in double quotes may hold newlines, as in docker's
    GitHub action (``"KEY=line 1<newline>line 2"``, ``""`` is a quote); quotes further on in a
    line are the value's own, so that JSON survives. Words are split at white space and commas.
    Any other kind is one value.

    Raises:
        UsageError: A quoted value does not end.
    """
    if kind is Kind.WORDS:
        return tuple(text.replace(",", " ").split())
    if kind is Kind.LIST:
        return _lines(text, source)
    return (text.strip(),) if text.strip() else ()


def fields(text: str, source: str) -> tuple[tuple[str, str], ...]:
    """The ``key=value`` pairs of one docker option such as ``type=oci,dest=image.tar``.

    Raises:
        UsageError: A field has no ``=``.
    """
    pairs: list[tuple[str, str]] = []
    for field in next(csv.reader([text]), []):
        key, equals, value = field.partition("=")
        if not equals:
            raise UsageError(f"{source}: {field!r} in {text!r} is not of the form key=value")
        pairs.append((key.strip().lower(), value))
    return tuple(pairs)


def _lines(text: str, source: str) -> tuple[str, ...]:
    values: list[str] = []
    position = 0
    while position < len(text):
        quoted = _QUOTED.match(text, position)
        match = quoted or _LINE.match(text, position)
        assert match  # noqa: S101 - _LINE matches everywhere
        value = match[1].replace('""', '"') if quoted else match[1].strip()
        if not quoted and value.startswith('"'):
            raise UsageError(
                f"{source}: the quoted value {value[:40]!r} does not end with its line",
                hint='close it with ", and write a quote inside it as ""',
            )
        values.append(value)
        position = match.end()
    return tuple(value for value in values if value)
