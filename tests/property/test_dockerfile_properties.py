"""Properties of the Dockerfile room on arbitrary input."""

import fnmatch
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from pybuild.dockerfile.expand import ExpansionError, expand, expand_body, expand_words, used
from pybuild.dockerfile.ignore import IgnorePatterns
from pybuild.dockerfile.parser import parse
from pybuild.errors import DockerfileError

KEYWORDS = [
    "FROM", "ARG", "RUN", "COPY", "ADD", "ENV", "LABEL", "WORKDIR", "USER", "CMD", "ENTRYPOINT",
    "EXPOSE", "VOLUME", "SHELL", "STOPSIGNAL", "HEALTHCHECK", "ONBUILD", "MAINTAINER",
]  # fmt: skip
FRAGMENTS = st.sampled_from(
    [*KEYWORDS, " ", "\n", "\\\n", "\r\n", "\t", "#", "# syntax=", "# escape=`\n", "`", "\\", "'",
     '"', "$", "${", "}", "a", "b=", "=", "--", "--from=", "--mount=", "[", "]", ",", "<<", "<<-",
     "E", "\nE\n", "{", "é", "\x00", "\ufeff", "AS", "NONE", "CMD", "<<'E F' "]
)  # fmt: skip
DOCKERFILES = st.one_of(
    st.text(),
    st.lists(FRAGMENTS, max_size=40).map("".join),
    st.lists(FRAGMENTS, max_size=20).map(lambda parts: "FROM x\n" + "".join(parts)),
)


def attempt(action, error: type[Exception]):
    """What action returns, or the one error that it may raise."""
    try:
        return action()
    except error as raised:
        return raised


@given(DOCKERFILES)
def test_text_is_a_dockerfile_or_a_dockerfile_error(text):
    dockerfile = attempt(lambda: parse(text, file="Dockerfile"), DockerfileError)
    if isinstance(dockerfile, DockerfileError):
        assert dockerfile.message.isprintable()
        assert dockerfile.excerpt.startswith("Dockerfile:")
        return
    for stage in dockerfile.stages:
        for instruction in (stage.source, *stage.instructions):
            location = instruction.location
            assert 1 <= location.first_line <= location.last_line <= len(dockerfile.lines)


@given(st.text(st.characters(exclude_characters="$'\"\\")))
def test_text_without_special_characters_expands_to_itself(text):
    assert expand(text, {"a": "b"}) == text
    assert expand_body(text, {}) == text


WORDS = st.one_of(
    st.text(),
    st.lists(st.sampled_from([*"ab $'\"\\{}:-+?#%/*=`", "${a", "${b:-", "}"]), max_size=20).map(
        "".join
    ),
)


@given(WORDS, st.dictionaries(st.sampled_from("ab"), st.text(max_size=5)))
def test_a_word_expands_or_is_an_expansion_error(word, env):
    expanded = attempt(lambda: expand(word, env), ExpansionError)
    if isinstance(expanded, ExpansionError):
        assert len(str(expanded).splitlines()) == 1
        return
    # Splitting takes away blanks alone.
    assert "".join("".join(expand_words(word, env)).split()) == "".join(expanded.split())
    # Only variables that a word is said to use have a say.
    assert expand(word, {name: env[name] for name in env if name in used(word)}) == expanded


COMPONENTS = st.sampled_from(
    ["a", "b", "ab", "*", "a*", "*b", "*a*b", "?", "[ab]", "a?", "**",
     "abba", "bab", "*abb*", "ab*ba", "*bab", "aba?b*", "[ab]abb"]
)  # fmt: skip
PATTERNS = st.lists(COMPONENTS, min_size=1, max_size=4).map("/".join)
RULES = st.tuples(st.booleans(), PATTERNS)
PATHS = st.lists(st.text("ab", min_size=1, max_size=6), min_size=1, max_size=5).map(tuple)


def matches(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Component by component; a last ``**`` takes at least one, any other takes any number."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        least = 1 if len(pattern) == 1 else 0
        return any(matches(pattern[1:], path[taken:]) for taken in range(least, len(path) + 1))
    return (
        bool(path) and fnmatch.fnmatchcase(path[0], pattern[0]) and matches(pattern[1:], path[1:])
    )


def excluded(rules: list[tuple[bool, str]], path: tuple[str, ...]) -> bool:
    """The last rule that matches the path or a parent of it decides."""
    parents = [path[:length] for length in range(1, len(path) + 1)]
    result = False
    for includes, pattern in rules:
        if any(matches(tuple(pattern.split("/")), parent) for parent in parents):
            result = not includes
    return result


@cache
def small_tree(depth: int = 3) -> list[tuple[str, ...]]:
    """Every path of up to depth components out of four names."""
    shorter = [(), *small_tree(depth - 1)] if depth > 1 else [()]
    return [(*parent, name) for parent in shorter for name in ("a", "b", "ab", "ba")]


def compiled(rules: list[tuple[bool, str]]) -> IgnorePatterns:
    return IgnorePatterns.parse("\n".join("!" * includes + pattern for includes, pattern in rules))


@given(st.lists(RULES, max_size=5), PATHS)
def test_compiled_ignore_patterns_say_what_the_rules_say_one_by_one(rules, path):
    assert compiled(rules).excludes("/".join(path).encode()) is excluded(rules, path)


@given(st.lists(RULES, max_size=4))
def test_no_walker_misses_what_is_back_in(rules):
    ignore = compiled(rules)
    for path in small_tree():
        if excluded(rules, path):
            continue
        for length in range(1, len(path)):
            directory = path[:length]
            if excluded(rules, directory):
                assert ignore.may_reinclude_below("/".join(directory).encode())
