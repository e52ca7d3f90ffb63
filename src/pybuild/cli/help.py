"""The text of ``--help``, from the tables of settings."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from pybuild.settings.argv import dashed
from pybuild.settings.docker_flags import DOCKER_FLAGS
from pybuild.settings.kaniko_flags import FLAGS, Fate
from pybuild.settings.option import Form, Kind, Option
from pybuild.settings.table import OPTIONS

_WIDTH = 96
_INDENT = 30

_KANIKO_OWN = {
    "no-push": "Do not push the image.",
    "tar-path PATH": "Write an archive for docker load.",
    "oci-layout-path PATH": "Write an OCI layout into this directory.",
    "compression-level N": "Level of the compression; without it the fast default.",
    "cache": "Look steps up in the cache repository, and keep them there.",
    "cache-repo REPOSITORY": "The cache repository; without it cache below the first destination.",
    "no-push-cache": "Look steps up, and keep none.",
    "git KEY=VALUE": "Setting of a git context: branch=NAME.",
    "log-format FORM": "json prints one object an event; text and color are the same.",
}


def build_help() -> str:
    """The help of ``pybuild build``."""
    rows = [_row(_docker_spelling(o), o) for o in OPTIONS if o.form is Form.FLAG]
    variables = [_row(o.variable, o) for o in OPTIONS if o.form is Form.ENVIRONMENT]
    return "\n".join(
        [
            "Usage: pybuild build [OPTIONS] CONTEXT",
            "",
            "Every option can also be set by a variable: PYBUILD_TAG for --tag; a list has one",
            "value a line. A flag wins over a variable.",
            "",
            "Options:",
            *rows,
            "",
            "Variables only:",
            *variables,
            "",
            _wrapped("Accepted, without effect:", (f.name for f in DOCKER_FLAGS.values() if f.why)),
            "",
            _wrapped("Not supported yet:", (f.name for f in DOCKER_FLAGS.values() if not f.why)),
        ]
    )


def check_help() -> str:
    """The help of ``pybuild check``."""
    return "\n".join(
        [
            "Usage: pybuild check [OPTIONS] CONTEXT",
            "",
            "Look for what docker build --check finds; the exit code is 1 where there is any.",
            "The options are those of pybuild build that say what is built, and:",
            "",
            _aligned("--format FORMAT", "text, json as docker prints it, or sarif. Default: text."),
        ]
    )


def executor_help() -> str:
    """The help of ``pybuild executor``."""
    rows = [_row(_kaniko_spelling(option), option) for option in OPTIONS if option.kaniko]
    own = [_aligned(f"--{name}", text) for name, text in _KANIKO_OWN.items()]
    return "\n".join(
        [
            "Usage: pybuild executor --context DIRECTORY --destination HOST/NAME:TAG [FLAGS]",
            "",
            "Flags:",
            *rows,
            *own,
            "",
            _paragraph("Accepted with a warning:", Fate.WARNED),
            "",
            _paragraph("Accepted, without effect:", Fate.WITHOUT_EFFECT),
            "",
            _paragraph("Not supported yet:", Fate.MISSING),
        ]
    )


def _docker_spelling(option: Option) -> str:
    return _spelling((option.short, option.name) if option.short else (option.name,), option)


def _kaniko_spelling(option: Option) -> str:
    return _spelling(sorted(option.kaniko, key=len), option)


def _spelling(names: Iterable[str], option: Option) -> str:
    value = "" if option.kind is Kind.FLAG else f" {option.metavar}"
    return ", ".join(map(dashed, names)) + value


def _row(spelling: str, option: Option) -> str:
    notes = []
    if option.choices:
        notes.append("One of " + ", ".join(option.choices) + ".")
    if option.default and option.kind is not Kind.FLAG:
        notes.append(f"Default: {option.default}.")
    return _aligned(spelling, " ".join([option.help, *notes]).replace("`", ""))


def _aligned(spelling: str, text: str) -> str:
    lines = textwrap.wrap(text, _WIDTH - _INDENT)
    head = f"  {spelling}"
    if len(head) >= _INDENT:
        return "\n".join([head, *(" " * _INDENT + line for line in lines)])
    return "\n".join([f"{head:{_INDENT}}{lines[0]}", *(" " * _INDENT + line for line in lines[1:])])


def _paragraph(title: str, fate: Fate) -> str:
    return _wrapped(title, (flag.name for flag in FLAGS if flag.fate is fate))


def _wrapped(title: str, names: Iterable[str]) -> str:
    return textwrap.fill(f"{title} {' '.join(map(dashed, names))}", _WIDTH, break_on_hyphens=False)
