"""Logical lines → syntax nodes: keyword, flags, the rest of the line, heredocs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pybuild.dockerfile.flags import split_flags
from pybuild.dockerfile.heredocs import take_heredocs
from pybuild.dockerfile.instructions import Heredoc
from pybuild.dockerfile.lines import LineReader, LogicalLine
from pybuild.dockerfile.location import Location
from pybuild.dockerfile.source import Problem, Source
from pybuild.dockerfile.words import BLANKS, SPACE, json_array

_HEREDOC_KEYWORDS = frozenset({"run", "copy", "add"})


@dataclass(frozen=True, slots=True)
class Node:
    """An instruction before it has a type.

    Attributes:
        keyword: The instruction's name as written.
        flags: The ``--…`` words, without quotes.
        rest: What follows the flags, without blanks around it.
        heredocs: With their bodies as written.
        original: The whole logical line, for history.
        escape: The file's escape character.
        location: From its first line to the end of its last heredoc.
    """

    keyword: str
    flags: tuple[str, ...]
    rest: str
    heredocs: tuple[Heredoc, ...]
    original: str
    escape: str
    location: Location

    @property
    def kind(self) -> str:
        """The keyword in lower case."""
        return self.keyword.lower()


def read_nodes(source: Source, escape: str) -> Iterator[Node]:
    """Every instruction of a source, in order.

    Raises:
        DockerfileError: a heredoc is not closed, or an array holds more than strings.
    """
    reader = LineReader(source, escape)
    while line := reader.take_line():
        try:
            yield _node(source, line, reader, escape)
        except Problem as problem:
            location = source.location(line.first_line, line.last_line)
            raise source.error(problem, location) from None


def trigger(node: Node) -> Node:
    """The instruction an ONBUILD holds, at the same place."""
    keyword, flags, rest = _split(node.rest)
    return replace(node, keyword=keyword, flags=flags, rest=rest, original=node.rest)


def _node(source: Source, line: LogicalLine, reader: LineReader, escape: str) -> Node:
    keyword, flags, rest = _split(line.text)
    heredocs: tuple[Heredoc, ...] = ()
    if _may_open_heredocs(keyword, rest):
        heredocs = take_heredocs(line.text, reader)
    return Node(
        keyword=keyword,
        flags=flags,
        rest=rest,
        heredocs=heredocs,
        original=line.text.strip(SPACE),
        escape=escape,
        location=source.location(line.first_line, reader.last_line),
    )


def _split(text: str) -> tuple[str, tuple[str, ...], str]:
    keyword, *arguments = BLANKS.split(text.strip(SPACE), maxsplit=1)
    flags, rest = split_flags(arguments[0]) if arguments else ((), "")
    return keyword, flags, rest.strip(SPACE)


def _may_open_heredocs(keyword: str, rest: str) -> bool:
    if keyword.lower() == "onbuild":
        keyword, _, rest = _split(rest)
    return keyword.lower() in _HEREDOC_KEYWORDS and json_array(rest) is None
