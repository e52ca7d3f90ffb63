"""``.dockerignore``: patterns, order, re-inclusion."""

import time

import pytest

from pybuild.dockerfile.ignore import IgnorePatterns
from pybuild.errors import DockerfileError

MATCHES = [
    # pattern, paths it excludes, paths it does not
    ("a", "a a/b a/b/c", "b b/a aa"),
    ("/a/", "a a/b", "b/a"),
    ("./a//b/../c", "a/c a/c/d", "a/b a"),
    ("../a", "", "a"),
    (".", "", "a a/b"),
    ("*", "a a/b .a", ""),
    ("*.o", "x.o .o x.o/y", "d/x.o x.oo"),
    ("*/*.o", "d/x.o", "x.o d/e/x.o"),
    ("a?c", "abc aéc", "ac abbc a/c"),
    ("[a-c]x", "ax cx", "dx /x"),
    ("[^a-c]x", "dx", "ax"),
    ("a[^b]c", "axc", "a/c abc"),
    (r"a\*b", "a*b", "axb"),
    (r"[\]]", "]", "a"),
    ("a+(b)|c.$", "a+(b)|c.$", "aa+(b)"),
    ("**", "a a/b", ""),
    ("**/x", "x a/x a/b/x a/x/c", "ax a/xb"),
    ("**/*.go", "a.go b/c/a.go", "a.gox"),
    ("a/**", "a/b a/b/c", "a b"),
    ("a/**/z", "a/z a/b/z a/b/c/z", "a/zz z az"),
    ("**/a/**/z", "a/z x/a/y/z a/a/z", "x/z"),
    ("**x", "x ax b/ax", "axb"),
    ("a**", "a ab ab/c", "ba"),
    ("***", "a a/b", ""),
]


@pytest.mark.parametrize(("pattern", "hits", "misses"), MATCHES, ids=[row[0] for row in MATCHES])
def test_a_pattern_excludes_what_it_matches_and_what_lies_below(pattern, hits, misses):
    ignore = IgnorePatterns.parse(pattern)
    assert [path for path in hits.split() if not ignore.excludes(path.encode())] == []
    assert [path for path in misses.split() if ignore.excludes(path.encode())] == []


@pytest.mark.parametrize(
    ("text", "path", "excluded"),
    [
        ("*\n!a", b"a/b", False),
        ("!a\n*", b"a", True),
        ("*\n!a\na/b", b"a/b/c", True),
        ("*\n!a\na/b\n!a/b/c", b"a/b/c", False),
        ("*.md\n!README*.md\nREADME-secret.md", b"README-secret.md", True),
        ("*.md\nREADME-secret.md\n!README*.md", b"README-secret.md", False),
        ("# a\n#b\n #c", b"#c", True),
        ("# a", b"a", False),
        ("\ufeffa\r\n  b  \r\n", b"b", True),
        ("! a\na\n!  a", b"a", False),
        ("a\n\n", b"", False),
        ("**", b"", False),
        ("", b"a", False),
        ("?", b"\xff", True),
    ],
)
def test_the_last_rule_that_matches_decides(text, path, excluded):
    assert IgnorePatterns.parse(text).excludes(path) is excluded


@pytest.mark.parametrize(
    ("text", "directory", "descend"),
    [
        ("*", b"a", False),
        ("*\n!a/b/c", b"a", True),
        ("*\n!a/b/c", b"a/b", True),
        ("*\n!a/b/c", b"b", False),
        ("*\n!a", b"b", False),
        ("*\n!*/x", b"b", True),
        ("*\n!*/x", b"b/c", False),
        ("*\n!**/x", b"b/c", True),
        ("*\n!a/**/x", b"a/c/d", True),
        ("*\n!a/**/x", b"b", False),
        ("!a/b\na", b"a", False),
        ("!**/x\n*", b"a", False),
    ],
)
def test_a_walker_descends_only_where_something_may_return(text, directory, descend):
    ignore = IgnorePatterns.parse(text)
    assert ignore.excludes(directory)
    assert ignore.may_reinclude_below(directory) is descend


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("!", "an exclusion needs a pattern"),
        ("[a", "a character class is malformed"),
        ("[]a]", "a character class is malformed"),
        ("[-a]", "a character class is malformed"),
        ("[b-a]", "a range in a character class is reversed"),
        ("a\\", "an escape ends it"),
    ],
)
def test_a_malformed_pattern_is_shown(pattern, reason):
    with pytest.raises(DockerfileError) as caught:
        IgnorePatterns.parse(f"ok\n{pattern}\n", file="x.dockerignore")
    assert caught.value.message == f"invalid pattern {pattern}: {reason}"
    assert f"   2 | >>> {pattern}" in caught.value.excerpt


def test_patterns_with_many_wildcards_take_no_time():
    ignore = IgnorePatterns.parse("*a*a*a*a*a*a*a*a*b\n**/a/**/a/**/a/**/a/**/b")
    assert not ignore.excludes(b"a" * 5_000)
    assert not ignore.excludes(b"/".join([b"a"] * 500))


def test_a_thousand_patterns_take_no_longer_than_a_few():
    kinds = ["*.x{}y", "**/*.x{}y", "**/name{}", "dir{}/**", "dir{}/*.o", "*/*part{}z*", "a/b{}"]
    patterns = [kinds[n % len(kinds)].format(n) for n in range(1_000)]
    ignore = IgnorePatterns.parse("\n".join([*patterns, "**/last-*"]))
    begun = time.monotonic()
    for number in range(2_000):
        assert not ignore.excludes(b"src/sub/file-%d.py" % number)
    assert time.monotonic() - begun < 1  # 0.02 s; one by one they would need several

    assert ignore.excludes(b"src/part5z/part5z.c")
    assert ignore.excludes(b"src/sub/last-one")


def test_of_equal_patterns_the_last_one_counts():
    assert IgnorePatterns.parse("*.a\n!*.a\n*.a").excludes(b"x.a")
    assert not IgnorePatterns.parse("a\n*\n!a").excludes(b"a")


def test_a_path_of_very_many_components_is_no_problem():
    assert not IgnorePatterns.parse("b\n*b").excludes(b"/".join([b"a"] * 5_000))
