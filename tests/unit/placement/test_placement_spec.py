"""The reading of a destination."""

from __future__ import annotations

import pytest

from pybuild.imagepath import ImagePath
from pybuild.placement.spec import CopySpec


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
        ("", "/work", True),
        ("..", "/", False),
        ("../../x", "/x", False),
        ("/", "/", True),
        (".x.", "/work/.x.", False),
    ],
)
def test_a_destination_is_joined_to_the_working_directory(destination, target, into_directory):
    spec = CopySpec(destination, ImagePath(b"work"), now_ns=0)
    assert str(spec.target) == target
    assert spec.into_directory is into_directory
