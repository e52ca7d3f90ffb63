"""Here-documents of RUN, COPY and ADD: the words that open them and the bodies that follow."""

from __future__ import annotations

import re
from dataclasses import replace

from pybuild.dockerfile.instructions import Heredoc
from pybuild.dockerfile.lines import LineReader
from pybuild.dockerfile.source import Problem
from pybuild.dockerfile.words import SPACE

# The shell lexer BuildKit looks for heredocs with: quotes and escapes stay in the word, and "<<"
# takes the blanks behind it into its word. Escapes are backslashes whatever the directive says.
# "<<- EOF" is one too: BuildKit means it (its word parser takes it), its lexer forgets the dash.
_PIECE = re.compile(
    rf"""
      (?P<blank> [{re.escape(SPACE)}]+ )
    | <<-?[ \t\r]*
    | <
    | \\.
    | \\\Z
    | ' [^']*+ '
    | " (?: [^"\\] | \\. )*+ "
    | [^'"\\<{re.escape(SPACE)}]+
    """,
    re.VERBOSE | re.DOTALL,
)
_OPENING = re.compile(
    rf"([0-9]*)<<(-?)[{re.escape(SPACE)}]*([^<]*)",
    re.DOTALL,
)
_NAME_PIECE = re.compile(
    rf"""
      ' (?P<single> [^']*+ ) '
    | " (?P<double> (?: [^"\\] | \\. )*+ ) "
    | \\ (?P<escaped> .? )
    | (?P<plain> [^'"\\{re.escape(SPACE)}]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPED_IN_DOUBLE = re.compile(r'\\(["$\\])')
_LEADING_TABS = re.compile(r"^\t+", re.MULTILINE)


def shell_words(text: str) -> tuple[str, ...] | None:
    """The words of a line as a shell splits it, quotes left in; None if a quote is not closed."""
    words: list[str] = []
    word = ""
    position = 0
    while position < len(text):
        match = _PIECE.match(text, position)
        if match is None:
            return None
        position = match.end()
        if match.lastgroup != "blank":
            word += match[0]
        elif word:
            words.append(word)
            word = ""
    return (*words, word) if word else tuple(words)


def heredoc_word(word: str) -> Heredoc | None:
    """The heredoc a word opens, its body still empty; None if it opens none.

    Grammar: ``[digits] "<<" ["-"] name``. Quotes anywhere in the name turn expansion off.
    """
    match = _OPENING.fullmatch(word)
    if match is None:
        return None
    descriptor, dash, rest = match.groups()
    name, quoted = _unquoted(rest)
    if not name:
        return None
    return Heredoc(name, "", expand=not quoted, descriptor=descriptor, chomp=bool(dash))


def take_heredocs(text: str, reader: LineReader) -> tuple[Heredoc, ...]:
    """The heredocs an instruction's line opens, with their bodies as written, tabs included.

    Raises:
        Problem: the file ends before the line that closes one.
    """
    if "<<" not in text:
        return ()
    opened = (heredoc_word(word) for word in shell_words(text) or ())
    return tuple(_with_body(heredoc, reader) for heredoc in opened if heredoc is not None)


def chomped(heredoc: Heredoc) -> Heredoc:
    """The heredoc as its reader sees it: without leading tabs where ``<<-`` asks for it."""
    if not heredoc.chomp:
        return heredoc
    return replace(heredoc, body=_LEADING_TABS.sub("", heredoc.body))


def _with_body(heredoc: Heredoc, reader: LineReader) -> Heredoc:
    body = reader.take_heredoc(heredoc.name, chomp=heredoc.chomp)
    if body is None:
        raise Problem(
            "unterminated heredoc",
            hint=f"close it with a line that is {heredoc.name} and nothing else",
        )
    return replace(heredoc, body=body)


def _unquoted(text: str) -> tuple[str, bool]:
    """A name without its quotes and escapes, and whether it had quotes; empty if it is no name."""
    name = ""
    quoted = False
    position = 0
    while position < len(text):
        match = _NAME_PIECE.match(text, position)
        if match is None:
            return "", False
        position = match.end()
        quoted = quoted or match.lastgroup in {"single", "double"}
        name += _piece_text(match)
    return name, quoted


def _piece_text(match: re.Match[str]) -> str:
    if match.lastgroup == "double":
        return _ESCAPED_IN_DOUBLE.sub(r"\1", match["double"])
    return match[match.lastgroup or 0]
