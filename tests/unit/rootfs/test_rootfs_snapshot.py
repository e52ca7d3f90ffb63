import os
import shutil
import tracemalloc
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


def shapes(root):
    """Ways to change a tree, each of which a walk with known names must see."""
    return {
        "write": lambda: (root / "a/b/file").write_text("new"),
        "chmod": lambda: (root / "a/b/file").chmod(0o600),
        "new": (root / "a/b/new").touch,
        "gone": (root / "a/b/file").unlink,
        "moved": lambda: (root / "a/b").rename(root / "moved"),
        "replaced": lambda: ((root / "a/b/file").unlink(), (root / "a/b/file").mkdir()),
        "new directory": lambda: (root / "a/new/deep").mkdir(parents=True),
        "directory for a file": lambda: (
            shutil.rmtree(root / "a/b"),
            (root / "a/b").write_text("x"),
        ),
    }


@pytest.mark.parametrize("change", shapes(Path()))
def test_a_walk_with_known_names_sees_what_a_full_one_sees(tmp_path, change):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").write_text("old")
    (tmp_path / "c").mkdir()
    root = os.fsencode(tmp_path)
    before = snapshot.take(root)
    assert snapshot.take(root, known=before) == before
    snapshot.wait_for_tick(os.fsencode(tmp_path / "c/tick"))
    before = snapshot.take(root, known=before)
    shapes(tmp_path)[change]()
    after = snapshot.take(root, known=before)
    assert after == snapshot.take(root)
    assert after != before


def test_a_name_takes_16_bytes_and_itself(tmp_path):
    for number in range(2000):
        (tmp_path / f"file-{number:05}").touch()
    tracemalloc.start()
    first = snapshot.take(os.fsencode(tmp_path))
    of_first, _ = tracemalloc.get_traced_memory()
    second = snapshot.take(os.fsencode(tmp_path), known=first)
    of_both, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert second == first
    assert of_first < 30 * 2000
    assert of_both - of_first < 18 * 2000


def test_the_roots_own_key_can_be_another_one(tree):
    before = snapshot.take(os.fsencode(tree))
    assert set(snapshot.changed(before, snapshot.with_root(before, (1, 2)))) == {b""}
    assert snapshot.with_root(before, before[b""].by_name()[b""]) == before


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda root: (root / "a/x.pyc").unlink(), set()),
        (lambda root: shutil.rmtree(root / "a/__pycache__"), set()),
        (lambda root: (root / "a/x.pyc").write_text("other"), {b"a/x.pyc"}),
        (lambda root: (root / "a/new.pyc").write_text("new"), {b"a", b"a/new.pyc"}),
        (lambda root: (root / "a/x.py").unlink(), {b"a", b"a/x.py"}),
        (lambda root: (root / "a/x.py").write_text("other"), {b"a/x.py"}),
    ],
)
def test_names_that_may_go_are_no_change_and_all_else_is(tmp_path, change, seen):
    (tmp_path / "a/__pycache__").mkdir(parents=True)
    for name in ("a/x.py", "a/x.pyc", "a/__pycache__/y.pyc"):
        (tmp_path / name).write_text("text")
    before = snapshot.take(os.fsencode(tmp_path))
    snapshot.wait_for_tick(os.fsencode(tmp_path / "tick"))
    (tmp_path / "tick").unlink(missing_ok=True)
    before = snapshot.take(os.fsencode(tmp_path))
    change(tmp_path)
    after = snapshot.take(os.fsencode(tmp_path))

    def may_go(path):
        return path.endswith((b".pyc", b"__pycache__"))

    assert set(snapshot.changed_but_for(before, after, may_go)) == seen
