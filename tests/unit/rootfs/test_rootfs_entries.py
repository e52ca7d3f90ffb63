import os
import socket
from contextlib import nullcontext

import pytest

from pybuild.rootfs import entries, upper
from pybuild.tree.entry import Candidate, Kind


@pytest.fixture
def root(tmp_path):
    (tmp_path / "directory").mkdir(mode=0o750)
    (tmp_path / "file").write_text("12345")
    (tmp_path / "file").chmod(0o4755)
    os.utime(tmp_path / "file", (7, 7))
    os.link(tmp_path / "file", tmp_path / "directory/second")
    (tmp_path / "link").symlink_to("../no/where")
    os.mkfifo(tmp_path / "fifo", 0o600)
    return tmp_path


def found(root, path):
    return entries.candidate(os.fsencode(root), path)


def test_a_file_has_its_mode_size_time_and_all_its_names_one_inode(root):
    one = found(root, b"file")
    assert (one.entry.kind, one.entry.mode, one.entry.size) == (Kind.FILE, 0o4755, 5)
    assert (one.entry.mtime_s, one.entry.uid, one.entry.gid) == (7, os.getuid(), os.getgid())
    assert one.links == 2
    assert one.inode == found(root, b"directory/second").inode


@pytest.mark.parametrize(
    ("path", "kind", "size", "link"),
    [
        (b"directory", Kind.DIRECTORY, 0, b""),
        (b"link", Kind.SYMLINK, 0, b"../no/where"),
        (b"fifo", Kind.FIFO, 0, b""),
        (b"", Kind.DIRECTORY, 0, b""),
    ],
)
def test_other_kinds_have_no_size(root, path, kind, size, link):
    entry = found(root, path).entry
    assert (entry.kind, entry.size, entry.link) == (kind, size, link)


@pytest.mark.parametrize("path", [b"nothing", b"file/below", b"nothing/below"])
def test_what_is_not_there_is_gone(root, path):
    assert found(root, path) == Candidate(path, None)


def test_a_socket_is_gone_since_no_layer_can_hold_it(root, monkeypatch):
    monkeypatch.chdir(root)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        assert found(root, b"socket") == Candidate(b"socket", None)


def test_attributes_are_sorted_and_never_overlay_s_books(root):
    try:
        os.setxattr(root / "file", "user.b", b"2")
        os.setxattr(root / "file", "user.a", b"1")
        os.setxattr(root / "file", "user.overlay.origin", b"x")
    except OSError:
        pytest.skip("the filesystem has no user attributes")
    assert found(root, b"file").entry.xattrs == ((b"user.a", b"1"), (b"user.b", b"2"))


def test_an_upper_directory_gives_every_name_in_it_with_the_root(root):
    names = {
        it.path for it in upper.candidates(root, lambda: nullcontext(root), upper.TRUSTED_OPAQUE)
    }
    assert names == {b"", b"directory", b"directory/second", b"file", b"link", b"fifo"}


def test_every_name_is_found_once_and_links_are_not_entered(root):
    (root / "link").unlink()
    (root / "link").symlink_to("directory")
    paths = [it.path for it in entries.candidates(os.fsencode(root))]
    assert sorted(paths) == [b"directory", b"directory/second", b"fifo", b"file", b"link"]
