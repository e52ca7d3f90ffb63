"""Word expansion: ``$name``, ``${name…}``, quotes and escapes (BuildKit's ``shell/lex.go``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

from pybuild.dockerfile.shell import ExpansionError, Part, Text, Variable, read_parts
from pybuild.dockerfile.substitution import Removal, remove, substitute
from pybuild.dockerfile.words import SPACE

__all__ = ["ExpansionError", "expand", "expand_body", "expand_words", "used"]

_REMOVALS = frozenset(get_args(Removal))


def expand(word: str, env: Mapping[str, str], *, escape: str = "\\") -> str:
    """Word with variables, quotes and escapes processed; it stays one word.

    A variable that is not in env is empty.

    Raises:
        ExpansionError: word is malformed, or ``${name:?message}`` demands a variable.
    """
    return "".join(text for text, _ in _expanded(word, env, read_parts(word, escape)))


def expand_words(word: str, env: Mapping[str, str], *, escape: str = "\\") -> list[str]:
    """The same, split at blanks afterwards, those in quotes or behind an escape excepted."""
    words: list[str] = []
    current = ""
    for text, is_quoted in _expanded(word, env, read_parts(word, escape)):
        for piece in [text] if is_quoted else text:
            if is_quoted or piece not in SPACE:
                current += piece
            elif current:
                words.append(current)
                current = ""
    return [*words, current] if current else words


def expand_body(body: str, env: Mapping[str, str]) -> str:
    """A heredoc's body for COPY and ADD: quotes mean nothing, a backslash still escapes."""
    return "".join(text for text, _ in _expanded(body, env, read_parts(body, "\\", quotes=False)))


def used(word: str, *, escape: str = "\\") -> frozenset[str]:
    """The names of all variables a word mentions; none if it is malformed."""
    try:
        return frozenset(_names(read_parts(word, escape)))
    except ExpansionError:
        return frozenset()


def _expanded(
    word: str, env: Mapping[str, str], parts: Iterable[Part]
) -> Iterator[tuple[str, bool]]:
    """Each part's text, and whether quotes protect it from splitting."""
    for part in parts:
        match part:
            case Text(text, quoted):
                yield text, quoted
            case Variable(quoted=quoted):
                try:
                    yield _value(part, env), quoted
                except ValueError as error:
                    raise ExpansionError(word, str(error)) from None


def _value(variable: Variable, env: Mapping[str, str]) -> str:
    value = env.get(variable.name)
    operator = variable.operator
    if not operator:
        return value or ""
    argument = _joined(variable.argument, env)
    if operator in _REMOVALS:
        return remove(value or "", argument, operator)  # type: ignore[arg-type] # checked above
    if operator.startswith("/"):
        text = _joined(variable.replacement, env)
        return substitute(value or "", argument, text, every=operator == "//")
    return _chosen(variable.name, value, operator, argument)


def _chosen(name: str, value: str | None, operator: str, argument: str) -> str:
    """``-`` a default, ``+`` an alternative, ``?`` a demand; ``:`` takes empty for unset."""
    is_missing = value is None or (operator.startswith(":") and not value)
    match operator[-1]:
        case "-":
            return argument if is_missing else value or ""
        case "+":
            return "" if is_missing else argument
        case _:
            if is_missing:
                state = "unset" if value is None else "empty"
                raise ValueError(f"{name}: {argument or f'is not allowed to be {state}'}")
            return value or ""


def _joined(parts: Iterable[Part], env: Mapping[str, str]) -> str:
    return "".join(part.text if isinstance(part, Text) else _value(part, env) for part in parts)


def _names(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Variable):
            yield part.name
            yield from _names(part.argument)
            yield from _names(part.replacement)
