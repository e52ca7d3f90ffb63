# ruff: noqa: PTH115 - what is compared
import os
import socket
from pathlib import Path

import pytest

from pybuild.rootfs import linked_names, snapshot
from pybuild.rootfs.copies import Copy
from pybuild.rootfs.duplicate import adopt, duplicate, remove


def look(root):
    """Everything of a tree that a copy has to have; hard links as the names that are one file."""
    found, names = {}, {}
    for path in sorted([root, *root.rglob("*")]):
        status = path.lstat()
        names.setdefault(status.st_ino, []).append(str(path.relative_to(root)))
        found[str(path.relative_to(root))] = (
            status.st_mode,
            status.st_uid,
            status.st_mtime_ns,
            os.readlink(path) if path.is_symlink() else path.is_file() and path.read_bytes(),
        )
    return found, sorted(several for several in names.values() if len(several) > 1)


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "source"
    (root / "deep/er").mkdir(parents=True)
    (root / "deep/file").write_bytes(os.urandom(1 << 17))
    (root / "deep/file").chmod(0o4711)
    os.utime(root / "deep/file", ns=(1, 1_500_000_001))
    os.link(root / "deep/file", root / "deep/er/same")
    (root / "broken").symlink_to("nowhere")
    os.mkfifo(root / "fifo", 0o640)
    (root / "deep").chmod(0o1770)
    os.utime(root / "deep", (2000, 2000))
    return root


@pytest.fixture
def settled(tmp_path):
    """Changes from now on get other change times than those before."""
    return lambda: snapshot.wait_for_tick(os.fsencode(tmp_path / "tick"))


def unexpected(text):
    raise AssertionError(text)


@pytest.fixture
def copy(source, tmp_path, settled):
    made = Copy(os.fsencode(source), os.fsencode(tmp_path / "home"), unexpected)
    made.refresh()
    settled()
    return made


def test_a_copy_has_all_that_a_layer_says_of_files(source, tmp_path):
    duplicate(os.fsencode(source), os.fsencode(tmp_path / "copy"), unexpected)
    assert look(tmp_path / "copy") == look(source)


def test_extended_attributes_go_along_and_others_go(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for path, name in ((one, "user.kept"), (two, "user.gone")):
        path.touch()
        try:
            os.setxattr(path, name, b"value")
        except OSError:
            pytest.skip("this filesystem has no extended attributes")
    adopt(os.fsencode(one), os.fsencode(two))
    assert [(it, os.getxattr(two, it)) for it in os.listxattr(two)] == [("user.kept", b"value")]


def test_a_socket_is_not_copied(source, tmp_path):
    before = look(source)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "socket"))
        duplicate(os.fsencode(source), os.fsencode(tmp_path / "copy"), unexpected)
    assert look(tmp_path / "copy")[0].keys() == before[0].keys()


def test_removing_what_is_not_there_is_fine(tmp_path):
    remove(os.fsencode(tmp_path / "nothing"))


CHANGES = {
    "write": lambda root: (root / "deep/file").write_bytes(b"new"),
    "mode": lambda root: (root / "deep").chmod(0o700),
    "new": lambda root: (root / "deep/new/er").mkdir(parents=True),
    "gone": lambda root: remove(os.fsencode(root / "deep")),
    "renamed": lambda root: (root / "deep").rename(root / "other"),
    "file for a directory": lambda root: (
        remove(os.fsencode(root / "deep")),
        (root / "deep").touch(),
    ),
    "directory for a file": lambda root: ((root / "broken").unlink(), (root / "broken").mkdir()),
    "link for a directory": lambda root: (
        (root / "deep").rename(root / "x"),
        (root / "deep").symlink_to("x"),
    ),
    "root": lambda root: root.chmod(0o711),
    "all of it": lambda root: remove(os.fsencode(root)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_run_did_to_a_copy_is_mended(copy, source, tmp_path, change):
    expected = look(source)[0]
    CHANGES[change](tmp_path / "home")
    assert copy.settle(untouched=False)
    copy.refresh()
    assert look(tmp_path / "home")[0] == expected
    assert look(source)[0] == expected


@pytest.mark.parametrize("change", [it for it in CHANGES if it != "all of it"])
def test_a_copy_follows_its_source(copy, source, tmp_path, change):
    CHANGES[change](source)
    copy.refresh()
    assert look(tmp_path / "home")[0] == look(source)[0]


@pytest.mark.parametrize("change", [it for it in CHANGES if it != "all of it"])
def test_what_a_run_wrote_to_a_copy_that_is_kept_goes_to_the_source(copy, source, tmp_path, change):
    CHANGES[change](tmp_path / "home")
    expected = look(tmp_path / "home")[0]
    copy.write_back(copy.settle(untouched=False, kept=True))
    assert look(source)[0] == expected


def test_a_kept_copy_that_is_gone_empties_the_source(copy, source, tmp_path):
    remove(os.fsencode(tmp_path / "home"))
    copy.write_back(copy.settle(untouched=False, kept=True))
    assert list(source.iterdir()) == []


def test_a_file_is_copied_again_only_when_it_was_touched(source, tmp_path, settled):
    home = tmp_path / "home"
    made = Copy(os.fsencode(source / "deep/file"), os.fsencode(home), unexpected)
    made.refresh()
    first = home.stat().st_ino
    settled()
    home.rename(tmp_path / "in the tree")  # moves the change time, as a RUN's tree does
    (tmp_path / "in the tree").rename(home)
    assert made.settle(untouched=True) == []
    made.refresh()
    assert home.stat().st_ino == first
    home.write_bytes(b"changed")
    assert made.settle(untouched=False) == [b""]
    made.refresh()
    assert home.read_bytes() == (source / "deep/file").read_bytes()


def test_a_file_that_a_run_linked_elsewhere_is_not_the_copy_s_any_more(copy, tmp_path):
    os.link(tmp_path / "home/deep/file", tmp_path / "linked")
    before = (tmp_path / "linked").stat().st_ino
    copy.settle(untouched=True)
    assert not (tmp_path / "home/deep/file").exists()
    copy.refresh()
    assert (tmp_path / "home/deep/file").stat().st_ino != before
    assert (tmp_path / "linked").stat().st_nlink == 1


def test_a_cache_is_parted_from_files_outside_it_and_keeps_its_own_links(source, tmp_path):
    (source / "alone").touch()
    os.link(source / "alone", source / "twin")
    os.link(source / "deep/file", tmp_path / "linked")
    expected = look(source)
    linked_names.part(os.fsencode(source), unexpected)
    assert look(source) == expected
    assert (tmp_path / "linked").stat().st_nlink == 1
    assert (source / "deep/file").stat().st_nlink == 2
    assert Path(source / "alone").stat().st_nlink == 2
