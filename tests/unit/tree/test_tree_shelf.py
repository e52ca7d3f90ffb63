"""Names of a directory, packed: the same as a dict of them, in order."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybuild.tree.shelf import Shelves

NAMES = st.binary(min_size=1, max_size=3)
CHANGES = st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=40)), max_size=60)


def change(shelves, expected, name, value):
    """Set a name, or take it away where there is no value."""
    if value is None:
        shelves.remove(name)
        expected.pop(name, None)
    else:
        shelves.put(name, value)
        expected[name] = value


def assert_same(shelves, expected):
    assert shelves.names() == tuple(sorted(expected))
    assert len(shelves) == len(expected)
    assert {name: shelves.get(name) for name in expected} == expected


@settings(deadline=None)
@given(CHANGES, CHANGES)
def test_names_are_those_that_were_put_and_not_removed(first, second):
    shelves, expected = Shelves(), {}
    for name, value in first:
        change(shelves, expected, name, value)
    copy, expected_of_copy = shelves.copy(), dict(expected)
    for name, value in second:
        change(shelves, expected, name, value)
    assert_same(shelves, expected)
    assert_same(copy, expected_of_copy)
    assert shelves.get(b"never put") is None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("order", ["sorted", "reversed", "shuffled"])
def test_many_names_in_any_order(order, seed):
    chance = random.Random(seed)
    names = [b"%05d" % number for number in range(3000)]
    if order == "reversed":
        names.reverse()
    elif order == "shuffled":
        chance.shuffle(names)

    shelves, expected = Shelves(), {}
    for name in names:
        change(shelves, expected, name, name * 2)
    assert_same(shelves, expected)
    for name in chance.choices(names, k=3000):
        change(shelves, expected, name, chance.choice([None, b"", name, name * 2, name * 9]))
    assert_same(shelves, expected)
    for name in names:
        change(shelves, expected, name, None)
    assert_same(shelves, {})
    change(shelves, expected, b"00100", b"again")
    assert_same(shelves, {b"00100": b"again"})


def test_a_name_after_a_shelf_that_was_emptied_is_found():
    shelves, expected = Shelves(), {}
    for number in range(200):
        change(shelves, expected, b"%03d" % number, b"x")
    for number in range(100, 200):
        change(shelves, expected, b"%03d" % number, None)
    for number in (199, 100, 50, 127, 128, 129):
        change(shelves, expected, b"%03d" % number, b"y")
    assert_same(shelves, expected)
