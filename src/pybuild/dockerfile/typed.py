"""Syntax nodes → typed instructions: the table of all keywords, and those that hold plain words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pybuild.dockerfile import commands, copying
from pybuild.dockerfile.flags import FLAGS, did_you_mean, read_flags
from pybuild.dockerfile.instructions import (
    Arg,
    Env,
    Expose,
    From,
    Instruction,
    Label,
    Maintainer,
    OnBuild,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from pybuild.dockerfile.source import Problem
from pybuild.dockerfile.syntax import Node, trigger
from pybuild.dockerfile.words import BLANKS, SPACE, json_array, split_blanks, split_words

_STAGE_NAME = re.compile(r"[a-z][a-z0-9\-_.]*")
_ONBUILD = re.compile(rf"ONBUILD[{SPACE}]*", re.IGNORECASE)


def build(node: Node) -> Instruction:
    """The instruction a node is.

    Raises:
        Problem: its keyword is unknown, or its flags or arguments are wrong.
    """
    builder = _BUILDERS.get(node.kind)
    if builder is None:
        near = did_you_mean(node.keyword.upper(), (kind.upper() for kind in _BUILDERS))
        raise Problem(f"unknown instruction: {node.keyword}{near}")
    return builder(node)


def _from(node: Node) -> From:
    words = split_blanks(node.rest)
    name = ""
    match words:
        case [base]:
            pass
        case [base, as_, name] if as_.lower() == "as":
            if not _STAGE_NAME.fullmatch(name.lower()):
                raise Problem(
                    f'invalid name for build stage: "{name}",'
                    " name can't start with a number or contain symbols"
                )
        case _:
            raise Problem("FROM requires either one or three arguments")
    platform = read_flags(node.flags, FLAGS["from"]).text("platform")
    return From(node.location, node.original, base, name.lower(), platform)


def _env(node: Node) -> Env:
    return Env(node.location, node.original, _pairs(node, "ENV"))


def _label(node: Node) -> Label:
    return Label(node.location, node.original, _pairs(node, "LABEL"))


def _arg(node: Node) -> Arg:
    read_flags(node.flags, {})
    words = split_words(node.rest, node.escape)
    if not words:
        raise Problem("ARG requires at least one argument")
    pairs: list[tuple[str, str | None]] = []
    for word in words:
        name, equals, value = word.partition("=")
        if not name:
            raise Problem("ARG names can not be blank")
        pairs.append((name, value if equals else None))
    return Arg(node.location, node.original, tuple(pairs))


def _expose(node: Node) -> Expose:
    return Expose(node.location, node.original, _some(node, "EXPOSE", split_blanks(node.rest)))


def _volume(node: Node) -> Volume:
    words = json_array(node.rest)
    if words is None:
        words = split_blanks(node.rest)
    paths = tuple(word.strip(SPACE) for word in _some(node, "VOLUME", words))
    if not all(paths):
        raise Problem("VOLUME specified can not be an empty string")
    return Volume(node.location, node.original, paths)


def _workdir(node: Node) -> Workdir:
    return Workdir(node.location, node.original, _whole(node, "WORKDIR"))


def _user(node: Node) -> User:
    return User(node.location, node.original, _whole(node, "USER"))


def _stopsignal(node: Node) -> StopSignal:
    return StopSignal(node.location, node.original, _whole(node, "STOPSIGNAL"))


def _maintainer(node: Node) -> Maintainer:
    return Maintainer(node.location, node.original, _whole(node, "MAINTAINER"))


def _onbuild(node: Node) -> OnBuild:
    read_flags(node.flags, {})
    if not node.rest:
        raise Problem("ONBUILD requires at least one argument")
    inner = trigger(node)
    if inner.kind == "onbuild":
        raise Problem("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if inner.kind in {"from", "maintainer"}:
        raise Problem(f"{inner.keyword.upper()} isn't allowed as an ONBUILD trigger")
    build(inner)  # a trigger that can never run is reported here, not to who builds on the image
    text = _ONBUILD.sub("", node.original, count=1)
    bodies = (f"\n{heredoc.body}{heredoc.name}" for heredoc in node.heredocs)
    return OnBuild(node.location, node.original, text + "".join(bodies))


def _pairs(node: Node, keyword: str) -> tuple[tuple[str, str], ...]:
    """``name=value…``; or, where the first word has no ``=``, one name and the rest of the line."""
    read_flags(node.flags, {})
    words = _some(node, keyword, split_words(node.rest, node.escape))
    if "=" not in words[0]:
        name, *value = BLANKS.split(node.rest, maxsplit=1)
        if not value:
            raise Problem(f"{keyword} must have two arguments")
        return ((name, value[0]),)
    return tuple(_pair(word, keyword) for word in words)


def _pair(word: str, keyword: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise Problem(f'Syntax error - can\'t find = in "{word}". Must be of the form: name=value')
    if not name:
        raise Problem(f"{keyword} names can not be blank")
    return name, value


def _some(node: Node, keyword: str, words: tuple[str, ...]) -> tuple[str, ...]:
    read_flags(node.flags, {})
    if not words:
        raise Problem(f"{keyword} requires at least one argument")
    return words


def _whole(node: Node, keyword: str) -> str:
    read_flags(node.flags, {})
    if not node.rest:
        raise Problem(f"{keyword} requires exactly one argument")
    return node.rest


_BUILDERS: Mapping[str, Callable[[Node], Instruction]] = {
    "add": copying.add,
    "arg": _arg,
    "cmd": commands.cmd,
    "copy": copying.copy,
    "entrypoint": commands.entrypoint,
    "env": _env,
    "expose": _expose,
    "from": _from,
    "healthcheck": commands.healthcheck,
    "label": _label,
    "maintainer": _maintainer,
    "onbuild": _onbuild,
    "run": commands.run,
    "shell": commands.shell,
    "stopsignal": _stopsignal,
    "user": _user,
    "volume": _volume,
    "workdir": _workdir,
}
