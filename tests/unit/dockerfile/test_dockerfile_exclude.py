"""Patterns of --exclude and --parents (moby/patternmatcher, as ``New`` reads them)."""

import pytest

from pybuild.dockerfile.ignore import IgnorePatterns


@pytest.mark.parametrize(
    ("patterns", "excluded", "kept"),
    [
        (["a"], "a a/b", "b b/a ab"),
        (["./a/", " b "], "a b b/c", "c"),
        (["/a", "/b*"], "", "a a/b b"),
        (["#a"], "#a", "a"),
        (["a", "!a/b"], "a a/c", "a/b a/b/c"),
        (["a*", "! ab"], "a ac", "ab"),
        (["", "a"], "a", "b"),
        (["**/a.?"], "a.c x/a.c x/y/a.c", "a.cc"),
    ],
)
def test_a_flag_leaves_out_what_its_pattern_matches(patterns, excluded, kept):
    found = IgnorePatterns.excluding(patterns)
    assert [path for path in excluded.split() if not found.excludes(path.encode())] == []
    assert [path for path in kept.split() if found.excludes(path.encode())] == []


@pytest.mark.parametrize(
    ("pattern", "taken", "left", "entered", "passed_by"),
    [
        ("a/b", "a/b a/b/c", "a a/c b ba/b", "a", "b a/c"),
        ("*/x.?", "d/x.c d/x.c/y", "x.c d d/e/x.c", "d", "d/e"),
        ("**/x", "x d/x d/e/x", "d d/y", "d d/e", ""),
        ("a/**/x", "a/x a/b/x a/b/c/x", "a x b/x", "a a/b", "b"),
        ("", "", "a a/b", "", "a"),
    ],
)
def test_all_but_what_a_pattern_matches_is_left_out(pattern, taken, left, entered, passed_by):
    found = IgnorePatterns.all_but(pattern)
    assert [path for path in taken.split() if found.excludes(path.encode())] == []
    assert [path for path in left.split() if not found.excludes(path.encode())] == []
    assert all(found.may_reinclude_below(path.encode()) for path in entered.split())
    assert not any(found.may_reinclude_below(path.encode()) for path in passed_by.split())


@pytest.mark.parametrize("pattern", ["[", "a\\", "[b-a]"])
def test_a_malformed_pattern_is_an_error(pattern):
    with pytest.raises(ValueError, match=r"it|class"):
        IgnorePatterns.excluding(["a", pattern])
    with pytest.raises(ValueError, match=r"it|class"):
        IgnorePatterns.all_but(pattern)


def test_an_exclusion_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="needs a pattern"):
        IgnorePatterns.excluding(["!"])
