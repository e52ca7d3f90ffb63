"""How the rest of an instruction becomes words: blanks, quoted words, JSON arrays."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import NoReturn

from pybuild.dockerfile.source import Problem

# Go's unicode.IsSpace. Python's str.isspace() also takes U+001C to U+001F.
SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

# BuildKit's reWhitespace: what separates a keyword from its arguments, and plain arguments.
BLANKS = re.compile(r"[\t\v\f\r ]+")

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def split_blanks(text: str) -> tuple[str, ...]:
    """The words between blanks; quotes and escapes mean nothing."""
    return tuple(BLANKS.split(text)) if text else ()


def split_words(text: str, escape: str) -> tuple[str, ...]:
    """The words of ENV, LABEL and ARG, with their quotes and escapes left in.

    A quote that is not closed reaches to the end, as in BuildKit: expansion reports it.
    """
    words: list[str] = []
    word = ""
    for is_blank, piece in _pieces(text, escape):
        if not is_blank:
            word += piece
        elif word:
            words.append(word)
            word = ""
    return (*words, word) if word else tuple(words)


def json_array(text: str) -> tuple[str, ...] | None:
    """The strings of a JSON array; None for text that is none and so has the other form.

    Raises:
        Problem: it is a JSON array, but not of strings.
    """
    body = text.lstrip(SPACE)
    if not body.startswith("["):
        return None
    try:
        # Numbers are refused below whatever they are; float() has no limit on digits.
        values = json.loads(body, parse_int=float, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(value, str) for value in values):
        raise Problem("when using JSON array syntax, arrays must be comprised of strings only")
    # encoding/json puts U+FFFD for half a surrogate pair.
    return tuple(_LONE_SURROGATE.sub("\ufffd", value) for value in values)


def _refuse_constant(name: str) -> NoReturn:
    """NaN and Infinity are Python's, not JSON's."""
    raise ValueError(name)


def _pieces(text: str, escape: str) -> Iterator[tuple[bool, str]]:
    """Runs of blanks, and what stands between them; an escape that ends the text is dropped."""
    for match in _piece(escape).finditer(text):
        if match.lastgroup != "lone_escape":
            yield match.lastgroup == "blank", match[0]


@cache
def _piece(escape: str) -> re.Pattern[str]:
    esc = re.escape(escape)
    return re.compile(
        rf"""
          (?P<blank> [{re.escape(SPACE)}]+ )
        | (?P<lone_escape> {esc} \Z )
        | {esc} .
        | ' [^']*+ '?
        | " (?: [^"{esc}] | {esc}. )*+ "?
        | [^'"{esc}{re.escape(SPACE)}]+
        """,
        re.VERBOSE | re.DOTALL,
    )
