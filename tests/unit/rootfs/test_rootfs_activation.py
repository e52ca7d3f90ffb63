# ruff: noqa: PTH208 - names are what is compared
import os

import pytest

from pybuild.rootfs.activation import BlockedError, Merge, lister, move, plan

PINS = frozenset({b"proc", b"sys", b"dev", b"pybuild", b"etc/hosts", b"etc/resolv.conf"})


def listing(**directories):
    """``etc="hosts dir/"`` as a lister; ``_`` is the root, a slash marks a directory."""
    names = {b"" if path == "_" else path.encode(): value for path, value in directories.items()}

    def list_directory(path):
        for name in names[path].split():
            yield name.rstrip("/").encode(), name.endswith("/")

    return list_directory


def test_what_holds_no_pin_moves_as_a_whole_and_what_holds_one_child_by_child():
    found = plan(listing(_="usr/ bin etc/ proc/ dev/", etc="passwd hosts apt/"), PINS)
    assert found == Merge(b"", (b"bin", b"usr"), (Merge(b"etc", (b"etc/apt", b"etc/passwd"), ()),))
    assert found.all_moves() == [b"bin", b"usr", b"etc/apt", b"etc/passwd"]
    assert found.all_merges() == [b"", b"etc"]


def test_a_name_that_only_begins_like_a_pin_moves():
    found = plan(listing(_="process/ etcetera/ pybuild2"), PINS)
    assert found.moves == (b"etcetera", b"process", b"pybuild2")


def test_a_link_or_file_where_a_pin_needs_a_directory_is_named():
    with pytest.raises(BlockedError) as caught:
        plan(listing(_="usr/ etc"), PINS)
    assert (caught.value.path, caught.value.pin) == (b"etc", b"etc/hosts")


def test_deep_pins_are_merged_all_the_way():
    names = {b"": [(b"var", True)], b"var": [(b"run", True), (b"lib", True)], b"var/run": []}
    found = plan(lambda path: names[path], frozenset({b"var/run/docker.sock"}))
    assert found == Merge(b"", (), (Merge(b"var", (b"var/lib",), (Merge(b"var/run", (), ()),)),))
    assert not found.is_empty


def test_a_plan_that_moves_nothing_is_empty():
    assert plan(listing(_="proc/ etc/", etc="hosts"), PINS).is_empty


@pytest.fixture
def two(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "etc/apt").mkdir(parents=True)
    (source / "etc/passwd").write_text("root")
    (source / "etc/hosts").write_text("image")
    (source / "usr").mkdir()
    target.mkdir()
    return source, target


def moved(source, target):
    there_and_back = os.fsencode(source), os.fsencode(target)
    merge = plan(lister(there_and_back[0]), PINS)
    move(merge, *there_and_back)
    return merge


def test_moving_renames_and_leaves_pins(two):
    source, target = two
    (target / "etc").mkdir()
    (target / "etc/hosts").write_text("mounted")
    moved(source, target)
    assert sorted(os.listdir(target)) == ["etc", "usr"]
    assert sorted(os.listdir(target / "etc")) == ["apt", "hosts", "passwd"]
    assert (target / "etc/hosts").read_text() == "mounted"
    assert (source / "etc/hosts").read_text() == "image"


def test_modes_and_times_of_merged_directories_go_along(two):
    source, target = two
    for path, mode, time_s in ((source / "etc", 0o751, 1000), (source, 0o711, 2000)):
        path.chmod(mode)
        os.utime(path, (time_s, time_s))
    moved(source, target)
    for path, mode, time_s in ((target / "etc", 0o751, 1000), (target, 0o711, 2000)):
        assert (path.stat().st_mode & 0o7777, path.stat().st_mtime) == (mode, time_s)


def test_a_directory_that_holds_only_mounts_is_not_made_in_the_tree(tmp_path):
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/hosts").write_text("mounted")
    (tmp_path / "tree").mkdir()
    moved(tmp_path / "root", tmp_path / "tree")
    assert os.listdir(tmp_path / "tree") == []
