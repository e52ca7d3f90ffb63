"""--chmod: octal and symbolic, as BuildKit's mode parser has it (values taken from it)."""

from __future__ import annotations

import pytest

from pybuild.placement.chmod import parse_chmod
from pybuild.placement.errors import PlacementError
from pybuild.tree.entry import Entry, Kind

BEFORE = (0o644, 0o755, 0o1777, 0o4711)


def modes(text, kind):
    return tuple(parse_chmod(text).mode_of(Entry(b"x", kind, mode)) for mode in BEFORE)


@pytest.mark.parametrize(
    ("text", "mode"), [("755", 0o755), ("0644", 0o644), ("4755", 0o4755), ("7777", 0o7777)]
)
def test_an_octal_mode_is_taken_as_it_is(text, mode):
    assert modes(text, Kind.FILE) == (mode,) * 4
    assert modes(text, Kind.DIRECTORY) == (mode,) * 4


@pytest.mark.parametrize(
    ("text", "files", "directories"),
    [
        ("+x", (0o755, 0o755, 0o1777, 0o4711), (0o755, 0o755, 0o1777, 0o4711)),
        ("a=r", (0o444, 0o444, 0o1444, 0o444), (0o444, 0o444, 0o1444, 0o444)),
        ("=", (0, 0, 0o1000, 0), (0, 0, 0o1000, 0)),
        ("go=", (0o600, 0o700, 0o1700, 0o4700), (0o600, 0o700, 0o1700, 0o4700)),
        ("go-w", (0o644, 0o755, 0o1755, 0o4711), (0o644, 0o755, 0o1755, 0o4711)),
        ("u=rwX,go-w", (0o644, 0o755, 0o1755, 0o711), (0o744, 0o755, 0o1755, 0o711)),
        ("a+X", (0o644, 0o755, 0o1777, 0o4711), (0o755, 0o755, 0o1777, 0o4711)),
        ("-X", (0o644, 0o644, 0o1666, 0o4600), (0o644, 0o644, 0o1666, 0o4600)),
        ("g=u", (0o664, 0o775, 0o1777, 0o4771), (0o664, 0o775, 0o1777, 0o4771)),
        ("o=u-w", (0o644, 0o755, 0o1775, 0o4715), (0o644, 0o755, 0o1775, 0o4715)),
        ("g+u,g-w", (0o644, 0o755, 0o1757, 0o4751), (0o644, 0o755, 0o1757, 0o4751)),
        ("u+s", (0o4644, 0o4755, 0o5777, 0o4711), (0o4644, 0o4755, 0o5777, 0o4711)),
        ("ug+rw-x", (0o664, 0o665, 0o1667, 0o4661), (0o664, 0o665, 0o1667, 0o4661)),
        ("o+s", (0o644, 0o755, 0o1777, 0o4711), (0o644, 0o755, 0o1777, 0o4711)),
        ("+t", (0o1644, 0o1755, 0o1777, 0o5711), (0o1644, 0o1755, 0o1777, 0o5711)),
        ("+rt", (0o1644, 0o1755, 0o1777, 0o5711), (0o1644, 0o1755, 0o1777, 0o5711)),
        ("u=", (0o044, 0o055, 0o1077, 0o011), (0o044, 0o055, 0o1077, 0o011)),
    ],
)
def test_a_symbolic_mode_changes_each_file_for_itself(text, files, directories):
    assert modes(text, Kind.FILE) == files
    assert modes(text, Kind.DIRECTORY) == directories


def test_a_link_keeps_its_mode():
    assert parse_chmod("600").mode_of(Entry(b"l", Kind.SYMLINK, 0o777)) == 0o777


@pytest.mark.parametrize(("text", "parents"), [("4777", 0o755), ("600", 0o600), ("go=", 0o755)])
def test_parents_get_what_mkdir_makes_of_an_octal_mode(text, parents):
    assert parse_chmod(text).parents == parents


@pytest.mark.parametrize("text", ["64a", "888", "10000", "", "0o755", "7 5"])
def test_what_looks_like_a_number_gets_buildkits_message(text):
    with pytest.raises(PlacementError) as caught:
        parse_chmod(text)
    assert str(caught.value) == (
        f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777"
    )


@pytest.mark.parametrize("text", ["-1", "u", "u=q", "x7", "+x,", "u=r;g=w", "+x g-w", ",", "+7"])
def test_a_symbolic_mode_that_is_none_is_invalid_syntax(text):
    with pytest.raises(PlacementError) as caught:
        parse_chmod(text)
    assert str(caught.value) == f"invalid chmod parameter: '{text}': invalid syntax"
