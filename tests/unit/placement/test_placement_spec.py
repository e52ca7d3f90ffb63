"""--chmod and the reading of a destination."""

from __future__ import annotations

import pytest

from pybuild.imagepath import ImagePath
from pybuild.placement.spec import CopySpec, PlacementError, parse_chmod


@pytest.mark.parametrize(
    ("text", "mode"), [("755", 0o755), ("0644", 0o644), ("4755", 0o4755), ("7777", 0o7777)]
)
def test_an_octal_mode_is_taken(text, mode):
    assert parse_chmod(text) == mode


@pytest.mark.parametrize("text", ["64a", "888", "10000", "-1", "", "0o755", "7 5"])
def test_a_mode_that_is_none_gets_buildkits_message(text):
    with pytest.raises(PlacementError) as caught:
        parse_chmod(text)
    assert str(caught.value) == (
        f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777"
    )


@pytest.mark.parametrize("text", ["u=rwX,go-w", "+x", "a=r", "g=u", "ug+rw-x"])
def test_a_symbolic_mode_is_not_built_yet(text):
    with pytest.raises(PlacementError) as caught:
        parse_chmod(text)
    assert str(caught.value) == f"the symbolic mode --chmod={text} is not supported yet"


@pytest.mark.parametrize(
    ("destination", "target", "into_directory"),
    [
        ("/a", "/a", False),
        ("/a/", "/a", True),
        ("/a/.", "/a", True),
        ("b", "/work/b", False),
        ("b/", "/work/b", True),
        (".", "/work", True),
        ("./", "/work", True),
        ("", "/work", False),
        ("..", "/", False),
        ("../../x", "/x", False),
        ("/", "/", True),
        (".x.", "/work/.x.", False),
    ],
)
def test_a_destination_is_joined_to_the_working_directory(destination, target, into_directory):
    spec = CopySpec(("a",), destination, ImagePath(b"work"), now_ns=0)
    assert str(spec.target) == target
    assert spec.into_directory is into_directory
