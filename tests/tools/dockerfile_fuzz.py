"""Inputs that nobody meant: random bytes, fragments of the language, and cases with mistakes."""

import random
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

CASES = Path(__file__).parents[1] / "conformance" / "cases"
SECTION = re.compile(r"^-- .* --\n", re.MULTILINE)
LONGEST = 4096

# Of processor time, so that a busy machine does not count. An input takes a millisecond or two.
LIMIT_S = 5.0

KEYWORDS = (
    *("FROM", "ARG", "RUN", "COPY", "ADD", "ENV", "LABEL", "WORKDIR", "USER", "CMD", "SHELL"),
    *("ENTRYPOINT", "EXPOSE", "VOLUME", "STOPSIGNAL", "HEALTHCHECK", "ONBUILD", "MAINTAINER"),
)
FRAGMENTS = (
    *(f"{keyword} " for keyword in KEYWORDS),
    *("\n", "\n", "\n", " ", "\t", "\r\n", "\\\n", "\\", "`", "#", "# escape=`\n", "# syntax=a\n"),
    *("'", '"', "$", "${", "}", "$a", "${a:-", "${a#", "${a%%", "${a/", "${a:?", "/", "*", "?"),
    *("[", "]", '["a"]', '["a", "b"]', ",", "=", "a=b", "a", "b", "c d", "--", "--from=", "é"),
    *("--mount=type=cache,", "--chmod=", "--link ", "--interval=1s ", "NONE", "CMD ", " AS b"),
    *("<<", "<<-", "<<E", "\nE\n", "<<'E F'", "EOF", "\nEOF\n", "{", "\x00", "\x85", "\ufeff"),
    *("80", "7-9/udp", "!", "**", "[^", "[a-", "https://a/b.git#c:d", "\u2028", "\u3000", "\x0b"),
)
WORD_FRAGMENTS = (
    *("a", "b", "X", "ab", "/", ".", "*", "?", "\\", "\\*", "\\}", "\\/", "$", "${", "}", "${a"),
    *("${b:-", "${a-", "${n+", "${a:+", "${n:?", "${a#", "${a##", "${a%", "${a%%", "${a/", "${a//"),
    *("'", '"', " ", "=", "{", ":", "#", "%", "+", "-", "0", "1", "$a", "$b", "$n", "é", "\n", "`"),
    *("|", "(", "[", "]", "^"),
)
LINE_FRAGMENTS = (
    *("a", "b", "ab", "/", ".", "..", "*", "**", "**/", "/**", "?", "\\*", "[ab]", "[a-b]"),
    *("#", "./", "+", "(", "$"),
)


class TooMuchWork(Exception):  # noqa: N818 - names what happened
    """An input took more than its share of processor time."""


@contextmanager
def bounded(limit_s: float = LIMIT_S) -> Iterator[None]:
    """Allow so much processor time, also to what would never end."""

    def stop(*_: object) -> None:
        raise TooMuchWork

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def each(
    seed: int, count: int, make: Callable[[random.Random], object], check: Callable[..., None]
) -> None:
    """Check so many inputs; a failure names the seed that makes its input again."""
    for number in range(count):
        value = make(random.Random(f"{seed}-{number}"))
        try:
            with bounded():
                check(value)
        except BaseException as error:
            error.add_note(f"input {seed}-{number}: {value!r}")
            raise


@cache
def case_texts() -> tuple[str, ...]:
    """The Dockerfiles of all conformance cases."""
    texts = (path.read_bytes().decode() for path in sorted(CASES.rglob("*.case")))
    return tuple(filter(None, (re.split(SECTION, text)[0] for text in texts)))


def dockerfile(random: random.Random) -> str:
    """A text that may be a Dockerfile."""
    match random.randrange(5):
        case 0:
            return random.randbytes(random.randrange(200)).decode("utf-8", "replace")
        case 1:
            return "FROM a\n" + fragments(random, FRAGMENTS, 25)
        case 2:
            return fragments(random, FRAGMENTS, 40)
        case 3:
            lines = (f"{random.choice(KEYWORDS)} {fragments(random, FRAGMENTS, 4)}\n" for _ in "12")
            return "FROM a\n" + "".join(lines)
        case _:
            return mutated(random, random.choice(case_texts()))


def mutated(random: random.Random, text: str) -> str:
    """A text with a few mistakes."""
    for _ in range(random.randint(1, 3)):
        start = random.randrange(len(text) + 1)
        end = min(len(text), start + random.choice((0, 1, 1, 5, 30)))
        other = random.choice(case_texts())
        begin = random.randrange(len(other))
        insert = random.choice(("", random.choice(FRAGMENTS), other[begin : begin + 40]))
        text = text[:start] + insert * random.choice((1, 1, 1, 20)) + text[end:]
    return text[:LONGEST]


def word(random: random.Random) -> tuple[str, dict[str, str], str]:
    """A word, variables, and an escape character."""
    text = fragments(random, WORD_FRAGMENTS, 9) + random.choice(("", "}"))
    env = {}
    if random.random() < 0.8:
        env["a"] = fragments(random, ("a", "b", "X", "/", ".", "*", "é", "\n"), 7)
    if random.random() < 0.5:
        env["b"] = random.choice(("", "b", "x y", "${a}"))
    return text, env, random.choice("\\\\`")


def ignored(random: random.Random) -> tuple[list[str], list[str]]:
    """Lines of a .dockerignore, and paths."""
    lines = [
        random.choice(("", "", "!")) + (fragments(random, LINE_FRAGMENTS, 6) or "a")
        for _ in range(random.randint(1, 4))
    ]
    parts = ("a", "b", "ab", ".a", "*", "+", "$", "#", "(")
    paths = [
        "/".join(fragments(random, parts, 2) or "a" for _ in range(random.randint(1, 4)))
        for _ in range(5)
    ]
    return lines, paths


def fragments(random: random.Random, pieces: tuple[str, ...], most: int) -> str:
    """Up to so many pieces in a row."""
    return "".join(random.choices(pieces, k=random.randint(0, most)))


def slow_words(length: int) -> tuple[str, ...]:
    """Words that are hard for a reader that tries again and again, about so long."""
    return tuple(
        (piece * length)[:length] + end
        for piece, end in (
            ("$", ""),
            ("${a", ""),
            ("${a:-", "}" * (length // 5)),
            ("'", ""),
            ('"', ""),
            ("\\", ""),
            ("*", "}"),
            ("${a#*", "}"),
            ("${a%%" + "*a" * 8, "}"),
            ("${a//*/x}", ""),
        )
    )
