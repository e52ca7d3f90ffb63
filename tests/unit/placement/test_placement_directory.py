"""The directories that WORKDIR makes."""

from __future__ import annotations

import pytest

from pybuild.imagepath import ImagePath
from pybuild.placement.directory import make_directory
from pybuild.placement.errors import PlacementError
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.index import TreeIndex


@pytest.fixture
def base() -> TreeIndex:
    made = TreeIndex()
    made.put(Entry(b"srv", Kind.DIRECTORY, mode=0o700, uid=9))
    made.put(Entry(b"app", Kind.SYMLINK, link=b"/srv/app"))
    made.put(Entry(b"file", Kind.FILE))
    made.put(Entry(b"loop", Kind.SYMLINK, link=b"loop"))
    return made


def made(path: bytes, base: TreeIndex, limit_ns: int | None = None) -> tuple[Entry, ...]:
    return make_directory(ImagePath(path), base, (1, 2), 50, limit_ns)


def test_what_is_missing_is_made_0755_for_the_user(base):
    assert made(b"srv/a/b", base) == (
        Entry(b"srv/a", Kind.DIRECTORY, mode=0o755, uid=1, gid=2, mtime_ns=50),
        Entry(b"srv/a/b", Kind.DIRECTORY, mode=0o755, uid=1, gid=2, mtime_ns=50),
    )


@pytest.mark.parametrize("path", [b"", b"srv"])
def test_what_is_there_stays_untouched(base, path):
    assert made(path, base) == ()


def test_links_are_followed_inside_the_tree(base):
    assert [entry.path for entry in made(b"app/x", base)] == [b"srv/app", b"srv/app/x"]


@pytest.mark.parametrize(("limit_ns", "mtime_ns"), [(49, 49), (51, 50)])
def test_the_time_is_not_later_than_the_limit(base, limit_ns, mtime_ns):
    assert [entry.mtime_ns for entry in made(b"new", base, limit_ns)] == [mtime_ns]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (b"file", "mkdir /file: not a directory"),
        (b"file/x", "mkdir /file: not a directory"),
        (b"loop/x", "/loop/x: too many levels of symbolic links"),
    ],
)
def test_a_directory_that_cannot_be_made_is_an_error(base, path, message):
    with pytest.raises(PlacementError) as caught:
        made(path, base)
    assert str(caught.value) == message
