"""An entry is a frozen value, however it is made."""

from dataclasses import FrozenInstanceError, fields, replace

import pytest

from pybuild.tree.entry import Entry, Kind, _Unfrozen

ALL = Entry(
    b"d/f", Kind.FILE, 0o640, 1, 2, 3, 4, b"link", (5, 6), ((b"user.a", b"b"),), b"digest", 7
)


def test_it_is_made_from_all_its_fields_in_order():
    assert [field.name for field in fields(Entry)] == [field.name for field in fields(_Unfrozen)]
    assert Entry(**{field.name: getattr(ALL, field.name) for field in fields(Entry)}) == ALL
    assert hash(replace(ALL)) == hash(ALL)


def test_defaults_are_those_of_the_class():
    short = Entry(b"f", Kind.FILE)
    for field in fields(Entry)[2:]:
        assert getattr(short, field.name) == field.default


def test_it_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        ALL.mode = 0o600
    with pytest.raises(FrozenInstanceError):
        del ALL.mode


def test_a_file_whose_bytes_are_known_is_else_the_same():
    assert ALL.hashed(b"x", b"new") == replace(ALL, path=b"x", digest=b"new")
    assert ALL.at(b"x") == replace(ALL, path=b"x")
