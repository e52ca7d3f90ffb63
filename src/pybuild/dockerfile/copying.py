"""COPY and ADD: syntax nodes → instructions with sources, heredocs and a destination."""

from __future__ import annotations

from dataclasses import dataclass

from pybuild.dockerfile.flags import FLAGS, read_flags
from pybuild.dockerfile.heredocs import chomped, heredoc_word, shell_words
from pybuild.dockerfile.instructions import Add, Copy, Heredoc
from pybuild.dockerfile.source import Problem
from pybuild.dockerfile.syntax import Node
from pybuild.dockerfile.words import json_array, split_blanks


@dataclass(frozen=True, slots=True)
class _Arguments:
    sources: tuple[str, ...]
    heredocs: tuple[Heredoc, ...]
    destination: str


def copy(node: Node) -> Copy:
    """``COPY [flags] source… destination``, or the same as a JSON array."""
    arguments = _arguments(node, "COPY")
    flags = read_flags(node.flags, FLAGS["copy"])
    return Copy(
        node.location,
        node.original,
        arguments.sources,
        arguments.destination,
        from_=flags.text("from"),
        chown=flags.text("chown"),
        chmod=flags.text("chmod"),
        link=flags.switch("link") or False,
        parents=flags.switch("parents") or False,
        exclude=flags.values("exclude"),
        heredocs=arguments.heredocs,
    )


def add(node: Node) -> Add:
    """``ADD [flags] source… destination``, or the same as a JSON array."""
    arguments = _arguments(node, "ADD")
    flags = read_flags(node.flags, FLAGS["add"])
    return Add(
        node.location,
        node.original,
        arguments.sources,
        arguments.destination,
        chown=flags.text("chown"),
        chmod=flags.text("chmod"),
        link=flags.switch("link") or False,
        exclude=flags.values("exclude"),
        checksum=flags.text("checksum"),
        keep_git_dir=flags.switch("keep-git-dir"),
        unpack=flags.switch("unpack"),
        heredocs=arguments.heredocs,
    )


def _arguments(node: Node, keyword: str) -> _Arguments:
    words = json_array(node.rest)
    if words is None:
        words = _plain_words(node)
    if len(words) < 2:  # noqa: PLR2004 - a source and a destination
        raise Problem(
            f"{keyword} requires at least two arguments, but only one was provided."
            " Destination could not be determined"
        )
    *sources, destination = words
    if not node.heredocs:
        return _Arguments(tuple(sources), (), destination)
    if heredoc_word(destination):
        raise Problem(f"{keyword} cannot accept a heredoc as a destination")
    return _Arguments(
        tuple(source for source in sources if not heredoc_word(source)),
        tuple(chomped(heredoc) for heredoc in node.heredocs),
        destination,
    )


def _plain_words(node: Node) -> tuple[str, ...]:
    """Words between blanks; beside heredocs, a quoted name with blanks is one word."""
    if not node.heredocs:
        return split_blanks(node.rest)
    return shell_words(node.rest) or ()
