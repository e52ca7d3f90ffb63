"""A word → its parts: text and variables, each quoted or not (the reading half of ``expand``)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

# POSIX shell 2.5.2: special parameters, all of one character.
_SPECIAL = frozenset("@*#?-$!")
_NAME = re.compile(r"\w+")
_DIGITS = re.compile(r"\d+")
_CONDITIONS = frozenset("+-?")
_MAX_DEPTH = 50  # of ${…} in ${…}; keeps hostile input from exhausting the stack
_SHOWN_CHARS = 60


class ExpansionError(ValueError):
    """A word cannot be expanded; the message is one line and names the word."""

    def __init__(self, word: str, reason: str) -> None:
        shown = word if len(word) <= _SHOWN_CHARS else word[:_SHOWN_CHARS] + "…"
        reason = " ".join(reason.splitlines())
        super().__init__(f"failed to process {json.dumps(shown, ensure_ascii=False)}: {reason}")


@dataclass(frozen=True, slots=True)
class Text:
    """Characters that stand for themselves."""

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Variable:
    """``$name`` or ``${name}``, or with an operator ``${name operator argument}``.

    Attributes:
        operator: Empty, or one of ``- :- + :+ ? :? # ## % %% / //``.
        argument: The default, alternative, message or pattern.
        replacement: What ``/`` and ``//`` put in place of the pattern.
        quoted: Whether it stands in double quotes.
    """

    name: str
    operator: str
    argument: tuple[Part, ...]
    replacement: tuple[Part, ...]
    quoted: bool


Part = Text | Variable


def read_parts(word: str, escape: str, *, quotes: bool = True) -> tuple[Part, ...]:
    """Read a word; where quotes is false, quotes are plain characters.

    Raises:
        ExpansionError: a quote or brace is not closed, or an operator is none.
    """
    try:
        return tuple(_Reader(word, escape, quotes).parts(stop=None))
    except _MalformedError as malformed:
        raise ExpansionError(word, str(malformed)) from None


class _MalformedError(ValueError):
    """Why a word cannot be read."""


class _Reader:
    """A cursor over one word."""

    def __init__(self, word: str, escape: str, quotes: bool) -> None:
        self._word = word
        self._escape = escape
        self._quotes = quotes
        self._position = 0
        self._depth = 0

    def parts(
        self, *, stop: str | None, raw: bool = False, unclosed: str = "missing '}'"
    ) -> Iterator[Part]:
        """The parts up to stop, which is taken too, or up to the end.

        Raw keeps escapes together with what they escape: a pattern reads them itself.
        """
        while char := self._peek():
            if char == stop:
                self._position += 1
                return
            if char == "$":
                yield self._dollar(quoted=False)
            elif self._quotes and char == "'":
                yield self._single_quoted()
            elif self._quotes and char == '"':
                yield from self._double_quoted(raw=raw)
            elif char == self._escape:
                yield self._escaped(raw=raw)
            else:
                yield Text(self._run(f"$'\"{self._escape}{stop or ''}"), quoted=False)
        if stop:
            raise _MalformedError(f"syntax error: {unclosed}")

    def _peek(self) -> str:
        return self._word[self._position : self._position + 1]

    def _take(self) -> str:
        char = self._peek()
        self._position += 1
        return char

    def _run(self, ends: str) -> str:
        """The characters up to the next of ends, at least one."""
        match = _until(ends).match(self._word, self._position + 1)
        start = self._position
        self._position = match.end() if match else start + 1
        return self._word[start : self._position]

    def _escaped(self, *, raw: bool) -> Text:
        """Outside quotes an escape protects any character; at the end it is nothing."""
        escape, char = self._take(), self._take()
        return Text(escape + char if raw else char, quoted=True)

    def _single_quoted(self) -> Text:
        end = self._word.find("'", self._position + 1)
        if end < 0:
            raise _MalformedError(
                "unexpected end of statement while looking for matching single-quote"
            )
        text = self._word[self._position + 1 : end]
        self._position = end + 1
        return Text(text, quoted=True)

    def _double_quoted(self, *, raw: bool) -> Iterator[Part]:
        self._position += 1
        while char := self._peek():
            if char == '"':
                self._position += 1
                return
            if char == "$":
                yield self._dollar(quoted=True)
            elif char == self._escape:
                yield self._escaped_in_quotes(raw=raw)
            else:
                yield Text(self._run(f'$"{self._escape}'), quoted=True)
        raise _MalformedError("unexpected end of statement while looking for matching double-quote")

    def _escaped_in_quotes(self, *, raw: bool) -> Text:
        """In double quotes an escape is one only before ``"``, ``$`` and itself."""
        escape = self._take()
        kept = escape if raw else ""
        if self._peek() in {'"', "$", self._escape}:
            return Text(kept + self._take(), quoted=True)
        return Text(kept + escape, quoted=True)

    def _dollar(self, *, quoted: bool) -> Part:
        self._position += 1
        if self._peek() == "{":
            self._position += 1
            return self._braces(quoted=quoted)
        name = self._name()
        if not name:
            return Text("$", quoted)
        return Variable(name, "", (), (), quoted)

    def _braces(self, *, quoted: bool) -> Variable:
        if self._peek() in {"{", "}", ":"}:
            raise _MalformedError("syntax error: bad substitution")
        name = self._name()
        operator = self._operator()
        if operator == "}":
            return Variable(name, "", (), (), quoted)
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _MalformedError("substitutions are nested too deeply")
        argument, replacement = self._arguments(operator)
        self._depth -= 1
        return Variable(name, operator, argument, replacement, quoted)

    def _operator(self) -> str:
        operator = self._take()
        if not operator:
            raise _MalformedError("syntax error: missing '}'")
        if operator == ":":
            operator += self._take()
            if operator[1:] not in _CONDITIONS:
                raise _MalformedError(f"unsupported modifier ({operator}) in substitution")
        elif operator in {"#", "%", "/"} and self._peek() == operator:
            operator += self._take()
        elif operator not in {"#", "%", "/", "}", *_CONDITIONS}:
            raise _MalformedError(f"unsupported modifier ({operator}) in substitution")
        return operator

    def _arguments(self, operator: str) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
        if operator[0] != "/":
            return tuple(self.parts(stop="}", raw=operator[0] in {"#", "%"})), ()
        pattern = tuple(self.parts(stop="/", raw=True, unclosed="missing '/' in ${}"))
        return pattern, tuple(self.parts(stop="}", raw=True))

    def _name(self) -> str:
        """Letters, digits and ``_``; or digits alone; or one special parameter; or nothing."""
        first = self._peek()
        if first in _SPECIAL:
            return self._take()
        match = (_DIGITS if first.isdecimal() else _NAME).match(self._word, self._position)
        if match is None:
            return ""
        self._position = match.end()
        return match[0]


@cache
def _until(ends: str) -> re.Pattern[str]:
    return re.compile(f"[^{re.escape(ends)}]*")
