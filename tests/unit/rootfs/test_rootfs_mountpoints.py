# ruff: noqa: PTH208 - names are what is compared
import os

import pytest

from pybuild.rootfs.mountpoints import remove

MADE = ["/a", "/a/b", "/a/b/c", "/etc/hosts"]


@pytest.fixture
def root(tmp_path):
    directory = tmp_path / "root"
    (directory / "a/b/c").mkdir(parents=True)
    (directory / "etc").mkdir()
    (directory / "etc/hosts").touch()
    for path in (directory / "etc", directory):
        os.utime(path, (1000, 1000))
    return directory


def test_places_are_removed_and_their_parents_keep_their_times(root):
    remove(root, MADE)
    assert os.listdir(root) == ["etc"]
    assert os.listdir(root / "etc") == []
    assert root.stat().st_mtime == (root / "etc").stat().st_mtime == 1000


def test_what_a_run_put_into_a_place_or_beside_it_stays(root):
    (root / "a/b/mine").touch()
    (root / "etc/hosts").write_text("mine")
    os.utime(root / "a", (2000, 2000))
    remove(root, MADE)
    assert os.listdir(root / "a/b") == ["mine"]
    assert os.listdir(root / "etc") == ["hosts"]
    assert (root / "a").stat().st_mtime == 2000


def test_places_that_are_gone_are_passed_over(root):
    (root / "a/b/c").rmdir()
    (root / "etc/hosts").unlink()
    (root / "etc").rmdir()
    remove(root, MADE)
    assert os.listdir(root) == []


def test_a_link_that_a_run_put_in_the_way_is_not_followed(root, tmp_path):
    victim = tmp_path / "victim"
    (victim / "b/c").mkdir(parents=True)
    (victim / "hosts").touch()
    for name in ("a", "etc"):
        (root / name).rename(root / f"moved-{name}")
        (root / name).symlink_to(victim)
    remove(root, MADE)
    assert sorted(str(it.relative_to(victim)) for it in victim.rglob("*")) == ["b", "b/c", "hosts"]
    assert sorted(os.listdir(root)) == ["a", "etc", "moved-a", "moved-etc"]
