"""``--ignore-path``: what is never part of a layer."""

import pytest

from pybuild.engine.ignored import IgnoredPaths


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("/product_uuid", b"product_uuid", True),
        ("/product_uuid", b"product_uuid2", False),
        ("/a/b", b"a/b/c", True),
        ("/a/b", b"a", False),
        ("/tmp/apt-key-gpghome*", b"tmp/apt-key-gpghome.x/y", True),
        ("/*/cache", b"var/cache/x", True),
        ("/*/cache", b"cache", False),
    ],
)
def test_a_path_covers_itself_and_what_is_below(pattern, path, covered):
    assert IgnoredPaths.parse([pattern]).covers(path) == covered


def test_nothing_is_ignored_by_default():
    assert not IgnoredPaths().covers(b"a")
