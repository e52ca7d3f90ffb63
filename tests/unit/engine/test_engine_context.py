"""The files of a source: where they are, and what a key says of them."""

import hashlib
from collections import Counter

import pytest

from pybuild.context.dockerignore import scan
from pybuild.dockerfile.ignore import IgnorePatterns
from pybuild.engine import context
from pybuild.engine.context import Listing, SourceFiles
from pybuild.errors import ContextError


@pytest.fixture
def files(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_text("text")
    (tmp_path / "l").symlink_to("d/f")
    return SourceFiles(scan(tmp_path, IgnorePatterns.parse("")), tmp_path)


def test_a_file_is_read_once_for_all_keys_and_its_digest_is_in_the_tree(files, monkeypatch):
    asked = Counter()

    def counted(path, real=context.hash_file):
        asked[path] += 1
        return real(path)

    monkeypatch.setattr(context, "hash_file", counted)
    whole, part = ((b"", b""),), ((b"f", b"d/f"),)
    assert files.digest_of(whole) == files.digest_of(whole)
    assert files.digest_of(part) != files.digest_of(whole)
    assert asked == {files.place(b"d/f"): 1}
    assert files.tree.get(b"d/f").digest == hashlib.sha256(b"text").digest()


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "d/f").write_text("tEXt"),
        lambda root: (root / "d/f").chmod(0o700),
        lambda root: (root / "d/f").rename(root / "d/g"),
        lambda root: ((root / "l").unlink(), (root / "l").symlink_to("d")),
    ],
)
def test_a_digest_says_names_modes_targets_and_bytes(files, tmp_path, change):
    before = files.digest_of(((b"", b""),))
    change(tmp_path)
    now = SourceFiles(scan(tmp_path, IgnorePatterns.parse("")), tmp_path)
    assert now.digest_of(((b"", b""),)) != before


def test_values_of_a_listing_do_not_run_together():
    def digest(*values):
        listed = Listing(b"test")
        for value in values:
            listed.add(value)
        return listed.digest()

    lists = [digest(), digest(b""), digest(b"ab"), digest(b"a", b"b"), digest(b"", b"ab")]
    assert len(set(lists)) == len(lists)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_files_of_every_size_are_hashed_whole(tmp_path, size):
    (tmp_path / "f").write_bytes(b"a" * size)
    assert context.hash_file(bytes(tmp_path / "f")) == hashlib.sha256(b"a" * size).digest()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda _path: None, "No such file"),
        (lambda path: path.symlink_to("/etc/passwd"), "Too many levels of symbolic links"),
        (lambda path: path.mkdir(), "it is not a regular file any more"),
    ],
)
def test_what_took_a_files_place_is_not_hashed(tmp_path, make, reason):
    make(tmp_path / "f")
    with pytest.raises(ContextError, match=f"cannot read .*/f: {reason}"):
        context.hash_file(bytes(tmp_path / "f"))
