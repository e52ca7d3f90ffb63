"""The store is bounded: the least recently used blobs go, and none that a build holds."""

import os

import pytest

from pybuild.digest import sha256_of
from pybuild.errors import StateError
from pybuild.oci.manifest import Descriptor
from pybuild.store.blobs import LayoutStore, Trimmed

OLD_NS = 1_000_000_000 * 1_000_000_000


@pytest.fixture
def root(tmp_path):
    return tmp_path / "blobs"


@pytest.fixture
def store(root):
    with LayoutStore(root) as opened:
        yield opened


def add(store, name, *, used):
    """A blob of 100 bytes that was last used at a time long ago."""
    made = store.add(name.encode().ljust(100, b"."), "application/x")
    os.utime(store.path(made.digest), ns=(OLD_NS + used, OLD_NS + used))
    return made


def left(store, *blobs):
    return [store.path(blob.digest).exists() for blob in blobs]


def test_the_least_recently_used_go_first(store):
    blobs = [add(store, name, used=used) for name, used in (("a", 3), ("b", 1), ("c", 2))]
    assert store.trim(250) == Trimmed(blobs=1, freed_bytes=100, left_bytes=200)
    assert left(store, *blobs) == [True, False, True]
    assert store.trim(100) == Trimmed(1, 100, 100)
    assert left(store, *blobs) == [True, False, False]
    assert store.trim(0) == Trimmed(1, 100, 0)


def test_what_fits_stays(store):
    blobs = [add(store, name, used=1) for name in "abc"]
    assert store.trim(300) == Trimmed(0, 0, 300)
    assert left(store, *blobs) == [True] * 3


def test_what_is_to_be_kept_stays(store):
    blobs = [add(store, name, used=used) for used, name in enumerate("abc")]
    assert store.trim(0, keep={blobs[0].digest, blobs[2].digest}) == Trimmed(1, 100, 200)
    assert left(store, *blobs) == [True, False, True]


def look_up(store, blob):
    assert blob.digest in store


def read(store, blob):
    store.open(blob).close()


def make_again(store, blob):
    store.add(blob.annotations[0][1].encode().ljust(100, b"."), "application/x")


@pytest.mark.parametrize("use", [look_up, read, make_again])
def test_using_a_blob_makes_it_the_last_to_go(store, use):
    first, second = add(store, "a", used=1), add(store, "b", used=2)
    named = Descriptor(first.media_type, first.digest, 100, (("name", "a"),))
    use(store, named)
    store.trim(100)
    assert left(store, first, second) == [True, False]


@pytest.mark.parametrize("use", [look_up, read, make_again])
def test_another_build_keeps_what_it_has_used(store, root, use):
    first, second = add(store, "a", used=1), add(store, "b", used=2)
    with LayoutStore(root) as other:
        use(other, Descriptor(first.media_type, first.digest, 100, (("name", "a"),)))
        assert store.trim(0) == Trimmed(1, 100, 100)
        assert left(store, first, second) == [True, False]
    assert store.trim(0) == Trimmed(1, 100, 0)


def test_a_blob_that_was_long_on_its_way_is_used_when_it_arrives(store, root):
    with store.writer() as writer:
        writer.write(b"x")
        os.utime(writer._fd, (1, 1))
        with LayoutStore(root) as other:
            made = writer.commit("application/x")
            assert other.trim(0).blobs == 0
    assert made.digest in store


def test_the_oldest_of_other_builds_counts(store, root):
    with LayoutStore(root) as oldest:
        blob = oldest.add(b"x", "application/x")
        with LayoutStore(root) as newest:
            os.utime(newest._claim.path)  # opened after the blob was used
            assert store.trim(0).blobs == 0
    assert store.trim(0).blobs == 1
    assert left(store, blob) == [False]


def test_a_store_that_nobody_refers_to_any_more_holds_nothing(store, root):
    LayoutStore(root).add(b"x", "application/x")
    assert store.trim(0).blobs == 1


def test_a_reader_keeps_what_is_removed_under_it(store):
    blob = add(store, "a", used=1)
    with store.open(blob) as opened:
        assert store.trim(0).blobs == 1
        assert blob.digest not in store
        assert sha256_of(opened.read()) == blob.digest


def test_blobs_on_their_way_are_not_trimmed(store):
    with store.writer() as writer:
        writer.write(b"half")
        store.trim(0)
        made = writer.commit("application/x")
    assert made.digest in store


def test_what_killed_builds_left_is_removed(store, root):
    (root / ".new-abandoned").write_bytes(b"half a blob")
    (root / ".build-abandoned").write_bytes(b"")
    blob = add(store, "a", used=1)
    assert store.trim(0).blobs == 1
    assert left(store, blob) == [False]
    assert not list(root.glob(".*-abandoned"))


def test_a_disk_that_refuses_is_named(store, root):
    (root / "blobs" / "sha256").rmdir()
    with pytest.raises(StateError, match=f"cannot trim the blob store {root}"):
        store.trim(0)
