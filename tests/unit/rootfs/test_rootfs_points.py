# ruff: noqa: PTH208 - names are what is compared
"""Where mounts go, without mounting anything: nothing here needs root."""

import errno
import os
from pathlib import Path

import pytest

from pybuild.rootfs.run.points import Points


@pytest.fixture
def root(tmp_path):
    directory = tmp_path / "root"
    directory.mkdir()
    os.utime(directory, (1000, 1000))
    return directory


def find(root, target, *, is_directory=True):
    """Where a target leads, and what had to be made for it."""
    made = []
    with Points(str(root), made.append).found(target, is_directory=is_directory) as place:
        found = Path(place).resolve()
    return "/" + str(found.relative_to(root)), made


def test_missing_places_are_made_and_their_parents_keep_their_times(root):
    assert find(root, "/a/b/c") == ("/a/b/c", ["/a", "/a/b", "/a/b/c"])
    assert find(root, "a//./b/file", is_directory=False) == ("/a/b/file", ["/a/b/file"])
    assert (root / "a/b/c").is_dir()
    assert (root / "a/b/file").is_file()
    assert root.stat().st_mtime == 1000


def test_what_was_there_is_used(root):
    (root / "etc").mkdir()
    (root / "etc/hosts").write_text("image")
    assert find(root, "/etc/hosts", is_directory=False) == ("/etc/hosts", [])
    assert (root / "etc/hosts").read_text() == "image"


@pytest.mark.parametrize(
    ("link", "target", "leads_to"),
    [
        ("/outside", "/link", "/outside"),
        ("/outside", "/link/x", "/outside/x"),
        ("../../outside", "/link", "/outside"),
        ("dir/../../../outside", "/link", "/outside"),
        ("dir", "/link/../outside", "/outside"),
        ("/dir/./", "/link/x", "/dir/x"),
        ("other", "/link", "/dir"),
        (".", "/link/x", "/x"),
    ],
)
def test_links_are_followed_inside_the_tree_only(root, link, target, leads_to):
    (root / "dir").mkdir()
    (root / "other").symlink_to("/dir")
    (root / "link").symlink_to(link)
    assert find(root, target)[0] == leads_to
    assert os.listdir(root.parent) == ["root"]


@pytest.mark.parametrize(
    ("target", "is_directory", "number", "where"),
    [
        ("/loop/x", True, errno.ELOOP, "/loop/x"),
        ("/file", True, errno.ENOTDIR, "/file"),
        ("/file/x", True, errno.ENOTDIR, "/file"),
        ("/dir", False, errno.EISDIR, "/dir"),
        ("/", True, errno.EBUSY, "/"),
        ("/dir/..", True, errno.EBUSY, "/dir/.."),
    ],
)
def test_what_is_in_the_way_is_named(root, target, is_directory, number, where):
    (root / "loop").symlink_to("loop")
    (root / "file").touch()
    (root / "dir").mkdir()
    with pytest.raises(OSError) as caught:  # noqa: PT011 - its number is looked at
        find(root, target, is_directory=is_directory)
    assert (caught.value.errno, caught.value.filename) == (number, where)
    assert sorted(os.listdir(root)) == ["dir", "file", "loop"]


def test_no_place_lies_in_a_filesystem_that_was_closed(root):
    points = Points("/", lambda _path: None)
    points.close(Path("/proc").stat().st_dev)
    (root / "link").symlink_to("/proc/self/cwd")
    for target in ("/proc/self/x", f"{root}/link/x"):
        with (
            pytest.raises(PermissionError, match="nothing can be mounted there: '/proc'"),
            points.found(target, is_directory=True),
        ):
            pass


def test_no_descriptor_stays_open(root):
    points = Points(str(root), lambda _path: None)
    before = os.listdir("/proc/self/fd")
    (root / "link").symlink_to("/a/b")
    with points.found("/link/c/../d", is_directory=True):
        pass
    assert os.listdir("/proc/self/fd") == before
