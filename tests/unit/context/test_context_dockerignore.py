"""The walk of a context under .dockerignore."""

import os
import socket
import sys

import pytest

from pybuild.context.dockerignore import ignore_text, scan
from pybuild.errors import ContextError
from pybuild.tree.entry import Entry, Kind


class Ignore:
    """Leaves out given paths and all below them, but for the ones taken back in."""

    def __init__(self, out=(), back=()):
        self.out, self.back = out, back

    def excludes(self, path):
        return _below(path, self.out) and not _below(path, self.back)

    def may_reinclude_below(self, path):
        return any(kept.startswith(path + b"/") for kept in self.back)


def _below(path, roots):
    return any(path == root or path.startswith(root + b"/") for root in roots)


@pytest.fixture
def root(tmp_path):
    for name in ("a/b/c/keep", "a/b/c/drop", "a/other/x", "src/main.c", "empty/"):
        path = tmp_path / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"12345")
    return tmp_path


def paths(tree):
    return [entry.path for entry in tree.walk()]


def test_everything_without_patterns(root):
    assert paths(scan(root, Ignore())) == [
        b"a",
        b"a/b",
        b"a/b/c",
        b"a/b/c/drop",
        b"a/b/c/keep",
        b"a/other",
        b"a/other/x",
        b"empty",
        b"src",
        b"src/main.c",
    ]


def test_what_is_left_out_is_not_there(root):
    assert paths(scan(root, Ignore([b"a", b"empty"]))) == [b"src", b"src/main.c"]


def test_directories_above_a_file_taken_back_in_are_there(root):
    tree = scan(root, Ignore([b"a"], [b"a/b/c/keep"]))

    assert paths(tree) == [
        b"a",
        b"a/b",
        b"a/b/c",
        b"a/b/c/keep",
        b"empty",
        b"src",
        b"src/main.c",
    ]
    assert tree.get(b"a/b").mtime_ns == (root / "a/b").stat().st_mtime_ns


def test_directories_that_only_might_hold_something_are_not_there(root):
    assert paths(scan(root, Ignore([b"a"], [b"a/b/none"]))) == [b"empty", b"src", b"src/main.c"]


def test_a_directory_left_out_is_not_even_read(root):
    seen = []

    class Watch(Ignore):
        def excludes(self, path):
            seen.append(path)
            return super().excludes(path)

    scan(root, Watch([b"a"]))

    assert b"a/b" not in seen


def test_entries_say_what_is_on_disk(root):
    file = root / "src/main.c"
    file.chmod(0o4711)
    os.utime(file, ns=(1, 1_600_000_000_123_456_789))
    (root / "src/link").symlink_to("../nowhere")
    os.mkfifo(root / "pipe")
    tree = scan(root, Ignore())

    assert tree.get(b"src/main.c") == Entry(
        b"src/main.c",
        Kind.FILE,
        mode=0o4711,
        uid=os.getuid(),
        gid=os.getgid(),
        mtime_ns=1_600_000_000_123_456_789,
        size=5,
    )
    assert tree.get(b"src/link").kind is Kind.SYMLINK
    assert tree.get(b"src/link").link == b"../nowhere"
    assert tree.get(b"pipe").kind is Kind.FIFO
    assert tree.get(b"").mtime_ns == root.stat().st_mtime_ns


def test_a_link_to_a_directory_is_not_entered(root):
    (root / "src/loop").symlink_to(root)

    assert paths(scan(root, Ignore()))[-2:] == [b"src/loop", b"src/main.c"]


def test_sockets_are_passed_over(root):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "empty/s"))
        assert b"empty/s" not in paths(scan(root, Ignore()))


def test_names_need_not_be_utf8(root):
    (root / os.fsdecode(b"empty/\xff\n")).touch()

    assert b"empty/\xff\n" in paths(scan(root, Ignore()))


def test_a_tree_as_deep_as_a_path_can_be_is_no_recursion(root):
    deep = root / "/".join("d" * 300)
    deep.mkdir(parents=True)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        tree = scan(root, Ignore([b"d"], [b"d/" * 299 + b"d"]))
    finally:
        sys.setrecursionlimit(limit)

    assert len(tree) == 10 + 300


def test_the_file_beside_the_dockerfile_beats_the_one_of_the_context(tmp_path):
    (tmp_path / ".dockerignore").write_text("root")
    (tmp_path / "docker").mkdir()
    dockerfile = tmp_path / "docker/Dockerfile.web"

    assert ignore_text(tmp_path, dockerfile) == "root"
    (tmp_path / "docker/Dockerfile.web.dockerignore").write_text("beside")
    assert ignore_text(tmp_path, dockerfile) == "beside"


def test_beside_a_dockerfile_outside_of_the_context(tmp_path):
    (tmp_path / "context").mkdir()
    (tmp_path / "D.dockerignore").write_text("beside")

    assert ignore_text(tmp_path / "context", tmp_path / "D") == "beside"


def test_no_ignore_file(tmp_path):
    assert ignore_text(tmp_path, tmp_path / "Dockerfile") is None


def test_an_ignore_file_that_leads_out_is_refused(tmp_path):
    (tmp_path / "secret").write_text("s3cr3t")
    (tmp_path / "context").mkdir()
    (tmp_path / "context/.dockerignore").symlink_to("../secret")

    with pytest.raises(ContextError) as refused:
        ignore_text(tmp_path / "context", tmp_path / "context/Dockerfile")

    assert refused.value.message == ".dockerignore leads out of the context"


def test_names_of_one_file_share_a_number(root):
    (root / "empty/again").hardlink_to(root / "src/main.c")
    (root / "one").write_bytes(b"")
    (root / "two").hardlink_to(root / "one")
    tree = scan(root, Ignore())
    ids = {e.path: e.file_id for e in tree.walk() if e.file_id}
    assert ids[b"empty/again"] == ids[b"src/main.c"] != ids[b"one"] == ids[b"two"]
    assert len(ids) == 4
