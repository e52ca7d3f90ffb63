"""Docker's ``--call``: whether a Dockerfile is built, or only looked at."""

from __future__ import annotations

from dataclasses import dataclass

from pybuild.errors import UsageError
from pybuild.settings.values import Values

_FORMATS = {
    "build": ("text",),
    "check": ("text", "json", "sarif"),
    "outline": ("text", "json"),
    "targets": ("text", "json"),
}
_ALIASES = {"": "build", "lint": "check"}


@dataclass(frozen=True, slots=True)
class Call:
    """What is done with a Dockerfile: ``build``, ``check``, ``outline`` or ``targets``."""

    name: str = "build"
    form: str = "text"


BUILD = Call()


def read_call(values: Values) -> Call:
    """Read ``--call NAME[,format=FORMAT]`` and ``--check``.

    Raises:
        UsageError: A name or a format is not known.
    """
    source = values.source("call")
    text = values.text("call")
    if values.flag("check"):
        if text not in {"build", "check"}:
            raise UsageError(f"{source}={text} and --check exclude each other")
        text = "check"
    name, *options = text.split(",")
    name = _ALIASES.get(name, name)
    if name not in _FORMATS:
        raise UsageError(f"{source}: {name!r} is not one of {', '.join(_FORMATS)}")
    form = "text"
    for option in options:
        key, _, form = option.partition("=")
        if key != "format" or form not in _FORMATS[name]:
            allowed = ", ".join(_FORMATS[name])
            raise UsageError(f"{source}: {option!r} is not format= and one of {allowed}")
    return Call(name, form)
