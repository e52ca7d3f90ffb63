# ruff: noqa: PTH208 - names are what is compared
import os

import pytest

from pybuild.errors import HostUnsupported
from pybuild.rootfs.mountpoints import Bind, made


@pytest.fixture
def places(tmp_path):
    root, host = tmp_path / "root", tmp_path / "host"
    root.mkdir()
    host.mkdir()
    (host / "hosts").write_text("x")
    os.utime(root, (1000, 1000))
    return root, host


def test_missing_places_are_made_and_leave_no_trace(places):
    root, host = places
    binds = [Bind(str(host), "/a/b/c"), Bind(str(host / "hosts"), "/etc/hosts", is_directory=False)]
    with made(root, binds) as pairs:
        assert pairs == [
            [str(host), str(root / "a/b/c")],
            [str(host / "hosts"), str(root / "etc/hosts")],
        ]
        assert (root / "a/b/c").is_dir()
        assert (root / "etc/hosts").is_file()
        assert root.stat().st_mtime == 1000
    assert os.listdir(root) == []
    assert root.stat().st_mtime == 1000


def test_what_was_there_stays(places):
    root, host = places
    (root / "etc").mkdir()
    (root / "etc/hosts").write_text("image")
    with made(root, [Bind(str(host / "hosts"), "/etc/hosts", is_directory=False)]):
        pass
    assert (root / "etc/hosts").read_text() == "image"


def test_what_a_run_put_beside_stays_with_its_time(places):
    root, host = places
    with made(root, [Bind(str(host / "hosts"), "/etc/hosts", is_directory=False)]):
        (root / "etc/mine").touch()
        os.utime(root / "etc", (2000, 2000))
    assert os.listdir(root / "etc") == ["mine"]
    assert (root / "etc").stat().st_mtime == 2000


@pytest.mark.parametrize("target", ["/outside", "../../outside", "loop/../outside"])
def test_links_are_followed_inside_the_tree_only(places, target):
    root, host = places
    (root / "loop").mkdir()
    (root / "etc").mkdir()
    (root / "etc/hosts").symlink_to(target)
    with made(root, [Bind(str(host / "hosts"), "/etc/hosts", is_directory=False)]) as pairs:
        assert pairs[0][1].startswith(f"{root}/")
        assert pairs[0][1].endswith("/outside")
    assert sorted(os.listdir(root)) == ["etc", "loop"]


def test_a_loop_of_links_and_a_wrong_kind_are_refused(places):
    root, host = places
    (root / "loop").symlink_to("loop")
    (root / "file").touch()
    with (
        pytest.raises(HostUnsupported, match="loop of symbolic links"),
        made(root, [Bind(str(host), "/loop/x")]),
    ):
        pass
    with (
        pytest.raises(HostUnsupported, match="/file of the image is no directory"),
        made(root, [Bind(str(host), "/file")]),
    ):
        pass
