"""The canonical encoding: no two values share it."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pybuild.graph.encoding import encode, encode_pairs, key_of

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4).map(tuple),
    max_leaves=8,
)


def typed(value):
    """Python takes True for 1; the encoding must not."""
    if isinstance(value, tuple):
        return tuple(typed(item) for item in value)
    return (type(value).__name__, value)


@given(values, values)
def test_different_values_have_different_encodings(left, right):
    assert (encode(left) == encode(right)) == (typed(left) == typed(right))


def test_values_that_joining_by_separators_would_confuse_are_told_apart():
    confusable = [
        ("a-b",),
        ("a", "b"),
        ("ab", ""),
        ("", "ab"),
        ("a", ("b",)),
        (("a",), "b"),
        ("a", None),
    ]
    for left, right in itertools.combinations(confusable, 2):
        assert key_of(*left) != key_of(*right)


def test_an_encoding_is_stable():
    assert encode(("a", 1, None, True, b"\xff")) == b"l19:s1:ai1:1n0:t1:1b1:\xff"


def test_pairs_that_are_encoded_before_are_the_same_bytes():
    pairs = (("a", "b"), ("ü", ""), ("a", "b"))
    assert encode(encode_pairs(pairs)) == encode(pairs)
    assert encode(["x", encode_pairs(())]) == encode(["x", ()])
