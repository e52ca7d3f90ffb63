"""Go's filepath.Match for one component."""

from __future__ import annotations

import pytest

from pybuild.placement.pattern import BadPattern, ComponentPattern, has_wildcards

# Rows of matchTests in Go's path/filepath/match_test.go, those without a separator, and bytes.
MATCHES = [
    (b"abc", b"abc", True),
    (b"*", b"abc", True),
    (b"*c", b"abc", True),
    (b"a*", b"a", True),
    (b"a*", b"abc", True),
    (b"a*b*c*d*e*", b"axbxcxdxe", True),
    (b"a*b?c*x", b"abxbbxdbxebxczzx", True),
    (b"a*b?c*x", b"abxbbxdbxebxczzy", False),
    (b"ab[c]", b"abc", True),
    (b"ab[b-d]", b"abc", True),
    (b"ab[e-g]", b"abc", False),
    (b"ab[^c]", b"abc", False),
    (b"ab[^b-d]", b"abc", False),
    (b"ab[^e-g]", b"abc", True),
    (rb"a\*b", b"a*b", True),
    (rb"a\*b", b"ab", False),
    (b"a?b", "a☺b".encode(), True),
    (b"a[^a]b", "a☺b".encode(), True),
    (b"a???b", "a☺b".encode(), False),
    ("[a-ζ]*".encode(), "δ".encode(), True),
    ("*[a-ζ]".encode(), b"A", False),
    (rb"[\]a]", b"]", True),
    (rb"[\-]", b"-", True),
    (rb"[x\-]", b"x", True),
    (rb"[x\-]", b"-", True),
    (rb"[x\-]", b"z", False),
    (rb"[\-x]", b"a", False),
    (b"*x", b"xxx", True),
    (b"[z-a]", b"m", False),
    (b"[^z-a]", b"m", True),
    (b"[!a]", b"!", True),
    (b"[[]", b"[", True),
    (b"a.c", b"abc", False),
    (b"*", b".hidden", True),
    (b"?", b"\xff", True),
    (b"*", b"a\nb", True),
    (b"", b"", True),
]


@pytest.mark.parametrize(("pattern", "name", "matches"), MATCHES)
def test_a_pattern_matches_as_in_go(pattern, name, matches):
    assert ComponentPattern(pattern).matches(name) is matches


@pytest.mark.parametrize(
    "pattern",
    [b"[]a]", b"[-]", b"[x-]", b"[-x]", b"[a-b-c]", b"[", b"[^", b"[^bc", b"a[", b"a\\", b"[\\"],
)
def test_a_malformed_pattern_is_refused(pattern):
    with pytest.raises(BadPattern, match="syntax error in pattern"):
        ComponentPattern(pattern)


@pytest.mark.parametrize(
    ("component", "wild"),
    [(b"a*", True), (b"?", True), (b"[a", True), (rb"\*", False), (rb"\\*", True), (b"a]", False)],
)
def test_an_escaped_wildcard_is_none(component, wild):
    assert has_wildcards(component) is wild
