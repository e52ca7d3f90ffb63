# ruff: noqa: PTH118, PTH208 - names are what is compared
import os

import pytest

from pybuild.errors import HostUnsupported, IntegrityError
from pybuild.rootfs.layout import Layout
from pybuild.rootfs.turns import active


@pytest.fixture
def machine(tmp_path):
    """A root of links with a pinned file in ``etc``, a prefix, and one parked tree."""
    root = tmp_path / "root"
    for path in ("proc", "dev", "sys", "etc", "pybuild/own/bin", "pybuild/stages/s/etc"):
        (root / path).mkdir(parents=True)
    (root / "bin").symlink_to("pybuild/own/bin")
    (root / ".dockerenv").touch()
    (root / "etc/hosts").write_text("mounted")
    (root / "etc/mtab").symlink_to("/proc/mounts")
    tree = root / "pybuild/stages/s"
    (tree / "bin").mkdir()
    (tree / "bin/sh").write_text("#!")
    (tree / "etc/passwd").write_text("image")
    (tree / "proc").mkdir()
    return Layout(os.fsencode(root)), root, tree


def points(root, *paths):
    mounted = {number: os.fsencode(root / path) for number, path in enumerate(("proc", *paths))}
    return lambda: mounted


def everything(root):
    return sorted(
        os.path.join(directory, name)
        for directory, directories, files in os.walk(root)
        for name in [*directories, *files]
    )


def test_a_tree_has_the_root_for_a_block_and_both_are_back_afterwards(machine):
    layout, root, tree = machine
    before = everything(root)
    with active(layout, os.fsencode(tree), points(root, "etc/hosts")) as moved:
        assert sorted(os.listdir(root)) == ["bin", "dev", "etc", "proc", "pybuild", "sys"]
        assert not (root / "bin").is_symlink()
        assert sorted(os.listdir(root / "etc")) == ["hosts", "passwd"]
        assert moved.all_moves() == [b"bin", b"etc/passwd"]
    (root / "pybuild/aside").rmdir()
    assert everything(root) == before


def test_what_appears_in_the_root_belongs_to_the_tree(machine):
    layout, root, tree = machine
    with active(layout, os.fsencode(tree), points(root, "etc/hosts")):
        (root / "new").mkdir()
        (root / "etc/new").touch()
        (root / "bin/sh").unlink()
    assert sorted(os.listdir(tree)) == ["bin", "etc", "new", "proc"]
    assert sorted(os.listdir(tree / "etc")) == ["new", "passwd"]
    assert os.listdir(tree / "bin") == []
    assert not (root / "new").exists()


def test_an_exception_in_the_block_puts_everything_back(machine):
    layout, root, tree = machine
    with (
        pytest.raises(KeyboardInterrupt),
        active(layout, os.fsencode(tree), points(root, "etc/hosts")),
    ):
        raise KeyboardInterrupt
    assert (root / "bin").is_symlink()
    assert (tree / "bin/sh").exists()


def test_a_renamed_directory_with_a_mount_in_it_goes_back(machine):
    layout, root, tree = machine
    mounted = dict(points(root, "etc/hosts")())
    with active(layout, os.fsencode(tree), lambda: mounted):
        (root / "etc").rename(root / "etc2")
        (root / "etc").mkdir()
        (root / "etc/new").touch()
        mounted = {**mounted, 1: os.fsencode(root / "etc2/hosts")}
    assert (root / "etc/hosts").read_text() == "mounted"
    assert not (root / "etc2").exists()
    assert os.listdir(tree / "etc") == ["new"]
    assert os.listdir(tree / "etc2") == ["passwd"]


def test_a_tree_without_a_directory_where_a_mount_needs_one_is_refused_untouched(machine):
    layout, root, tree = machine
    before = everything(root)
    with (
        pytest.raises(HostUnsupported) as caught,
        active(layout, os.fsencode(tree), points(root, "bin/sh/x")),
    ):
        pass
    assert caught.value.message == (
        "/bin/sh of the image is not a directory, but /bin/sh/x is mounted in this container"
    )
    assert everything(root) == before


def test_a_name_planted_in_the_parked_tree_is_an_integrity_error(machine):
    layout, root, tree = machine

    def plant():
        with active(layout, os.fsencode(tree), points(root, "etc/hosts")):
            (tree / "bin").mkdir()
            (tree / "bin/planted").touch()

    with pytest.raises(IntegrityError, match="cannot be moved out of the root"):
        plant()
    assert (root / ".dockerenv").exists()
    assert (root / "bin").is_symlink()
