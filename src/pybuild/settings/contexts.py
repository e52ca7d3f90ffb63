"""Contexts as they are named on the command line: paths resolved, all else as it is."""

from __future__ import annotations

import re

from pybuild.errors import UsageError
from pybuild.settings.place import Place
from pybuild.settings.values import Values, name_and_value

_SCP_FORM = re.compile(r"[\w.-]+@[\w.-]+:")  # git@host:path


def read_context(values: Values, place: Place) -> str:
    """The main context as the request wants it.

    Raises:
        UsageError: There is none.
    """
    text = values.text("context")
    if not text:
        raise UsageError(
            "the build context is missing", hint="name a directory: pybuild build [OPTIONS] ."
        )
    return local_context(text, place)


def local_context(text: str, place: Place) -> str:
    """A context as the request wants it: a path absolute and resolved, all else as it is."""
    scheme, separator, rest = text.partition("://")
    if text == "-" or (scheme == "tar" and rest == "stdin"):
        return "-"
    if separator and scheme in {"dir", "tar"}:  # Kaniko's spelling of what a path says itself
        return str(place.path(rest))
    if separator or _SCP_FORM.match(text):
        return text
    return str(place.path(text))


def read_build_contexts(values: Values, place: Place) -> tuple[tuple[str, str], ...]:
    """Named contexts, each once; a later one of the same name wins.

    Raises:
        UsageError: One is not of the form NAME=VALUE.
    """
    pairs = (
        name_and_value(text, values.source("build-context"))
        for text in values.many("build-context")
    )
    found = {}
    for name, value in pairs:
        if not value:
            raise UsageError(f"{values.source('build-context')}: {name} has no value")
        found[name] = _named_context(value, place)
    return tuple(found.items())


def _named_context(text: str, place: Place) -> str:
    scheme, separator, path = text.partition("://")
    if scheme == "oci-layout" and separator:
        directory, mark, rest = _layout_path(path)
        return f"oci-layout://{place.path(directory)}{mark}{rest}"
    if text.startswith(("target:", "input:", "docker-image:")):
        return text
    return local_context(text, place)


def _layout_path(text: str) -> tuple[str, str, str]:
    """A layout's directory, and the digest or tag behind it with its mark."""
    directory, mark, digest = text.partition("@")
    if mark:
        return directory, mark, digest
    head, slash, last = text.rpartition("/")
    name, mark, tag = last.partition(":")
    return head + slash + name, mark, tag
