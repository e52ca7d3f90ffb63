"""Variables in words, once more: a slow reading of BuildKit's ``shell/lex.go``, one character at a
time and by backtracking, to compare with what the project does.
"""

from collections.abc import Mapping
from functools import cache

SPECIAL = "@*#?-$!0"


class Malformed(Exception):  # noqa: N818 - of a word, and an answer
    """The word has no value."""


def expanded(word: str, env: Mapping[str, str], escape: str = "\\") -> str:
    """The value of a word."""
    return Reader(word, env, escape).text(stop="", raw=False)


class Reader:
    """Reads a word from left to right."""

    def __init__(self, word: str, env: Mapping[str, str], escape: str) -> None:
        self.rest = list(word)
        self.env = env
        self.escape = escape

    def peek(self) -> str:
        """The next character, or nothing at the end."""
        return self.rest[0] if self.rest else ""

    def take(self) -> str:
        """The same, and go on."""
        return self.rest.pop(0) if self.rest else ""

    def text(self, stop: str, *, raw: bool) -> str:
        """Up to a character, which must come; raw keeps escapes for a pattern to see."""
        out = ""
        while self.rest:
            if stop and self.peek() == stop:
                self.take()
                return out
            match self.peek():
                case "'":
                    out += self.single()
                case '"':
                    out += self.double(raw=raw)
                case "$":
                    out += self.dollar()
                case self.escape:
                    out += self.take() if raw else self.take()[:0]
                    out += self.take()
                case _:
                    out += self.take()
        if stop:
            raise Malformed
        return out

    def single(self) -> str:
        """Everything up to the next single quote."""
        self.take()
        out = ""
        while self.peek() != "'":
            if not self.rest:
                raise Malformed
            out += self.take()
        self.take()
        return out

    def double(self, *, raw: bool) -> str:
        """Up to the next double quote, with variables, and escapes of three characters."""
        self.take()
        out = ""
        while self.peek() != '"':
            match self.peek():
                case "":
                    raise Malformed
                case "$":
                    out += self.dollar()
                case self.escape:
                    out += self.in_double(raw=raw)
                case _:
                    out += self.take()
        self.take()
        return out

    def in_double(self, *, raw: bool) -> str:
        """An escape between double quotes, and what it makes ordinary."""
        escape = self.take()
        kept = escape if raw else ""
        if not self.rest:
            return kept
        return kept + (self.take() if self.peek() in {'"', "$", self.escape} else escape)

    def dollar(self) -> str:
        """A variable, in braces or not; a dollar sign where no name follows."""
        self.take()
        if self.peek() != "{":
            name = self.name()
            return self.env.get(name, "") if name else "$"
        self.take()
        if self.peek() in {"", "{", "}", ":"}:
            raise Malformed
        name = self.name()
        sign = self.take()
        match sign:
            case "}":
                return self.env.get(name, "")
            case "/":
                return self.replaced(self.env.get(name, ""))
            case ":":
                return self.chosen(name, self.take(), colon=True)
            case "+" | "-" | "?" | "#" | "%":
                return self.chosen(name, sign, colon=False)
            case _:
                raise Malformed

    def name(self) -> str:
        """Letters, digits and underscores; digits alone; or one special character."""
        out = ""
        if self.peek() and self.peek() in SPECIAL and not self.peek().isdecimal():
            return self.take()
        if self.peek().isdecimal():
            while self.peek().isdecimal():
                out += self.take()
            return out
        while self.peek().isalpha() or self.peek().isdecimal() or self.peek() == "_":
            out += self.take()
        return out

    def chosen(self, name: str, sign: str, *, colon: bool) -> str:
        """What stands for a variable with a default, an alternative, a demand or a pattern."""
        if colon and sign in {"#", "%"}:
            raise Malformed
        word = self.text("}", raw=sign in {"#", "%"})
        value = self.env.get(name, "")
        missing = name not in self.env or (colon and not value)
        if sign == "-":
            return word if missing else value
        if sign == "+":
            return "" if missing else word
        if sign == "?" and not missing:
            return value
        if sign in {"#", "%"}:
            longest = word.startswith(sign)
            return removed(value, word[longest:], longest=longest, end=sign == "%")
        raise Malformed

    def replaced(self, value: str) -> str:
        """What stands for ``${name/pattern/text}``, or with two slashes."""
        every = self.peek() == "/"
        if every:
            self.take()
        pattern = tokens(self.text("/", raw=True))
        text = self.text("}", raw=True)
        return substituted(value, pattern, text, every=every)


def tokens(pattern: str) -> tuple[str, ...]:
    """The characters of a pattern: ``*``, ``?``, and ``=c`` for an ordinary one."""
    found = []
    rest = list(pattern)
    while rest:
        char = rest.pop(0)
        if char == "\\":
            if not rest or rest[0] not in "*?\\}/":
                raise Malformed
            char = "=" + rest.pop(0)
        elif char not in "*?":
            char = "=" + char
        found.append(char)
    return tuple(found)


@cache
def matches(pattern: tuple[str, ...], text: str) -> bool:
    """Whether a whole text is what a pattern says; lines do not end for it."""
    if not pattern:
        return not text
    head, *tail = pattern
    after = tuple(tail)
    if head == "*":
        return any(
            matches(after, text[length:])
            for length in range(len(text) + 1)
            if "\n" not in text[:length]
        )
    if head == "?":
        return bool(text) and text[0] != "\n" and matches(after, text[1:])
    return text.startswith(head[1:]) and matches(after, text[1:])


def removed(value: str, pattern: str, *, longest: bool, end: bool) -> str:
    """A value without what a pattern matches at its beginning or its end."""
    signs = tokens(pattern)
    lengths = sorted(range(len(value) + 1), reverse=longest)
    for length in lengths:
        head, tail = value[:length], value[length:]
        if end:
            head, tail = value[: len(value) - length], value[len(value) - length :]
        if matches(signs, tail if end else head):
            return head if end else tail
    return value


def substituted(value: str, pattern: tuple[str, ...], text: str, *, every: bool) -> str:
    """A value with the longest matches of a pattern replaced, from the left."""
    out, start, last = "", 0, -1
    while start <= len(value):
        ends = range(len(value), start - 1, -1)
        end = next((end for end in ends if matches(pattern, value[start:end])), None)
        if end is None or (end == start == last):
            out += value[start : start + 1]
            start += 1
            continue
        out += text
        if not every:
            return out + value[end:]
        last = end
        if end == start:
            out += value[start : start + 1]
            start += 1
        else:
            start = end
    return out
