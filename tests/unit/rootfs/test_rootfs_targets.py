# ruff: noqa: PTH208 - names are what is compared
import os
import re

import pytest

from pybuild.errors import HostUnsupported
from pybuild.rootfs.targets import shown


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    for path in ("run", "app/deep", "x"):
        (root / path).mkdir(parents=True)
    (root / "app/deep/own").write_text("image")
    (root / "app/file").write_text("image")
    (root / "link").symlink_to("app")
    for directory in (root, *root.rglob("*")):
        os.utime(directory, (1000, 1000), follow_symlinks=False)
    return root


@pytest.fixture
def thing(tmp_path):
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing/file").write_text("mounted")
    return tmp_path / "thing"


def look(root):
    found = {}
    for directory, directories, files in os.walk(root):
        for name in (".", *directories, *files):
            path = os.path.normpath(os.path.join(directory, name))  # noqa: PTH118 - as found
            found[os.path.relpath(path, root)] = os.lstat(path).st_mtime_ns
    return found


def put(tree, path, thing):
    aside = os.fsencode(thing.parent / "aside")
    return shown(os.fsencode(tree), path, os.fsencode(thing), aside)


PATHS = [b"new", b"made/for/it", b"app/deep", b"app", b"run/x"]


@pytest.mark.parametrize("path", PATHS)
def test_a_thing_is_in_the_tree_for_a_block_and_leaves_no_trace(tree, thing, path):
    before = look(tree)
    with put(tree, path, thing):
        assert (tree / os.fsdecode(path) / "file").read_text() == "mounted"
        assert not thing.exists()
        assert (tree / "app").stat().st_mtime == 1000 or path == b"app"
    assert look(tree) == before
    assert (thing / "file").read_text() == "mounted"


def test_an_exception_in_the_block_leaves_no_trace_either(tree, thing):
    before = look(tree)
    with pytest.raises(KeyboardInterrupt), put(tree, b"app/deep", thing):
        raise KeyboardInterrupt
    assert look(tree) == before


def test_what_the_block_puts_beside_it_stays_and_so_do_its_times(tree, thing):
    with put(tree, b"made/for", thing):
        (tree / "made/own").touch()
        (tree / "run/own").touch()
        os.utime(tree / "made", (2000, 2000))
    assert sorted(os.listdir(tree / "made")) == ["own"]
    assert (tree / "made").stat().st_mtime == 2000


def renamed(tree):
    (tree / "app/deep").rename(tree / "x/there")


def parent_renamed(tree):
    (tree / "app").rename(tree / "x/app")


def replaced(tree):
    (tree / "app/deep").rename(tree / "x/there")
    (tree / "app/deep").mkdir()


def behind_a_link(tree):
    (tree / "app").rename(tree / "x/app")
    (tree / "app").symlink_to("run")
    (tree / "run/deep").mkdir()


@pytest.mark.parametrize(
    ("change", "strays", "own"),
    [
        (renamed, (b"x/there",), "app/deep/own"),
        (parent_renamed, (), "x/app/deep/own"),
        (replaced, (b"x/there",), "app/deep/own"),
        (behind_a_link, (), "x/app/deep/own"),
    ],
)
def test_wherever_the_block_moves_it_it_comes_back(tree, thing, change, strays, own):
    with put(tree, b"app/deep", thing) as target:
        change(tree)
    assert (thing / "file").read_text() == "mounted"
    assert target.strays == strays
    assert (tree / own).read_text() == "image"
    assert not (tree / "x/there").exists()


def test_what_is_removed_and_made_anew_is_the_thing(tree, thing):
    with put(tree, b"app/deep", thing) as target:
        (tree / "app/deep/file").unlink()
        (tree / "app/deep").rmdir()
        (tree / "app/deep").mkdir()
        (tree / "app/deep/new").touch()
    assert os.listdir(thing) == ["new"]
    assert target.strays == ()


def test_other_names_of_a_file_are_removed(tree, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    with put(tree, b"app/file", secret) as target:
        os.link(tree / "app/file", tree / "leak")
        os.link(tree / "app/file", tree / "x/leak")
    assert sorted(target.strays) == [b"leak", b"x/leak"]
    assert not (tree / "leak").exists()
    assert not (tree / "x/leak").exists()
    assert (tree / "app/file").read_text() == "image"


def test_what_was_in_a_removed_directory_stays_removed(tree, thing):
    with put(tree, b"app/deep", thing):
        (tree / "app/deep").rename(tree / "x/there")
        (tree / "app/file").unlink()
        (tree / "app").rmdir()
    assert not (tree / "app").exists()
    assert (thing / "file").exists()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (b"app/file/x", "/app/file of the image is not a directory; nothing can be mounted at /ap"),
        (b"link/x", "/link of the image is not a directory"),
        (b"app/file", "/app/file of the image is no directory, and what is mounted there is one"),
    ],
)
def test_what_is_in_the_way_is_named_and_nothing_is_left(tree, thing, path, message):
    before = look(tree)
    with pytest.raises(HostUnsupported, match=re.escape(message)), put(tree, path, thing):
        pass
    assert look(tree) == before
    assert (thing / "file").exists()
