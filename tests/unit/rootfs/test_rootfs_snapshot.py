import os
from functools import partial
from pathlib import Path

import pytest

from pybuild.rootfs import snapshot


@pytest.fixture
def tree(tmp_path):
    for path in ("a/b", "c"):
        (tmp_path / path).mkdir(parents=True)
    for path in ("a/b/file", "c/one", "c/two"):
        (tmp_path / path).write_text(path)
    return tmp_path


def changes_after(tree, change):
    root = os.fsencode(tree)
    before = snapshot.take(root)
    snapshot.wait_for_tick(os.fsencode(tree.parent / "tick"))
    change(tree)
    return set(snapshot.changed(before, snapshot.take(root)))


def rewrite_with_old_times(tree):
    path = tree / "c/one"
    status = path.stat()
    path.write_text("c/ONE")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        (lambda _tree: None, set()),
        (lambda tree: (tree / "c/one").chmod(0o600), {b"c/one"}),
        (rewrite_with_old_times, {b"c/one"}),
        (lambda tree: (tree / "c/new").touch(), {b"c", b"c/new"}),
        (lambda tree: (tree / "new").touch(), {b"", b"new"}),
        (lambda tree: (tree / "c/one").unlink(), {b"c", b"c/one"}),
        (
            lambda tree: (tree / "a").rename(tree / "d"),
            {b"", b"a", b"d", b"d/b", b"d/b/file"},
        ),
        (
            lambda tree: (tree / "c/two").rename(tree / "c/one"),
            {b"c", b"c/one", b"c/two"},
        ),
    ],
)
def test_every_change_is_seen_and_nothing_else(tree, change, paths):
    assert changes_after(tree, change) == paths


def test_what_is_skipped_is_not_looked_into(tree):
    assert snapshot.take(os.fsencode(tree), skip={b"a"}).keys() == {b"", b"c"}


def test_a_change_right_after_a_snapshot_is_seen_every_time(tree):
    for number in range(50):
        rewrite = partial(Path.write_text, tree / "c/one", str(number))
        assert b"c/one" in changes_after(tree, lambda _, rewrite=rewrite: rewrite())
