"""Docker's ``--annotation``: on which document a key and a value go."""

from __future__ import annotations

import re

from pybuild.errors import UsageError
from pybuild.request import Annotation

_LEVELS = re.compile(r"((?:[a-z-]+(?:\[[^\]]*\])?,?)+):(.*)", re.DOTALL)
_LEVEL = re.compile(r"([a-z-]+)(\[[^\]]*\])?")
_KNOWN = frozenset({"manifest", "index", "manifest-descriptor", "index-descriptor"})


def read_annotations(texts: tuple[str, ...], source: str) -> tuple[Annotation, ...]:
    """Read every ``[LEVEL,…:]NAME=VALUE``.

    Raises:
        UsageError: One is malformed, or is for an index, which a build for one platform has not.
    """
    return tuple(one for text in texts for one in _read(text, source))


def _read(text: str, source: str) -> tuple[Annotation, ...]:
    levels, pair = _split(text)
    name, equals, value = pair.partition("=")
    if not name or not equals:
        raise UsageError(f"{source}: {text!r} is not of the form [LEVEL:]NAME=VALUE")
    for level in levels:
        if level not in _KNOWN:
            raise UsageError(f"{source} {text}: {level} is not the name of a document")
        if level.startswith("index"):
            raise UsageError(
                f"{source} {text}: index annotations not supported for single platform export"
            )
    return tuple(Annotation(level, name, value) for level in levels)


def _split(text: str) -> tuple[list[str], str]:
    # Keys may hold colons themselves: what stands before one is a level only if it looks like it.
    match = _LEVELS.fullmatch(text)
    if not match or "=" in match[1]:
        return ["manifest"], text
    names = [found[1] for found in _LEVEL.finditer(match[1])]
    return names, match[2]
