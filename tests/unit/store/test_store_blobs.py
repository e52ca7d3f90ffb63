"""The blob store: a layout on disk whose blobs are checked whenever they are read."""

import errno
import hashlib
import json
import os
import re
import stat
import threading
from pathlib import Path

import pytest

from pybuild.digest import sha256_of
from pybuild.errors import IntegrityError, StateError
from pybuild.oci.manifest import Descriptor
from pybuild.store.blobs import LayoutStore

DATA = os.urandom(3 << 20)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "state" / "blobs"


@pytest.fixture
def store(root):
    return LayoutStore(root)


def names(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_the_directory_is_an_oci_layout(root):
    LayoutStore(root).close()
    assert names(root) == [".lock", "blobs", "blobs/sha256", "index.json", "oci-layout"]
    assert (root / "oci-layout").read_bytes() == b'{"imageLayoutVersion":"1.0.0"}'
    assert json.loads((root / "index.json").read_bytes())["manifests"] == []


def test_a_blob_is_there_under_its_digest(store, root):
    with store.writer() as writer:
        for begin in range(0, len(DATA), 1000):
            writer.write(DATA[begin : begin + 1000])
        assert sha256_of(DATA) not in store
        descriptor = writer.commit("application/x", sha256_of(DATA))
    assert descriptor == Descriptor("application/x", sha256_of(DATA), len(DATA))
    assert descriptor.digest in store
    path = root / "blobs" / "sha256" / hashlib.sha256(DATA).hexdigest()
    assert path.read_bytes() == DATA
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    with store.open(descriptor) as blob:
        assert blob.read() == DATA


def test_another_process_sees_the_blob_and_adds_its_own(store, root):
    first = store.add(b"one", "application/x")
    other = LayoutStore(root)
    assert first.digest in other
    second = other.add(b"one", "application/x")
    assert first == second
    assert store.open(second).read() == b"one"


def fail_within(store):
    with store.writer() as writer:
        writer.write(b"half")
        raise RuntimeError


def commit_wrong(store):
    with store.writer() as writer:
        writer.write(b"half")
        writer.commit("application/x", sha256_of(b"whole"))


def test_a_writer_that_does_not_commit_leaves_nothing(store, root):
    before = names(root)
    with pytest.raises(RuntimeError):
        fail_within(store)
    with store.writer() as writer:
        writer.write(b"half")
    assert names(root) == before


def test_bytes_that_are_not_expected_leave_nothing(store, root):
    before = names(root)
    with pytest.raises(IntegrityError, match=r"a blob of 4 bytes is sha256:.*, expected sha256:"):
        commit_wrong(store)
    assert names(root) == before


def read_all(blob, size):
    while blob.read(size):
        pass


@pytest.mark.parametrize(
    ("data", "how"),
    [
        (DATA[:-1] + bytes([DATA[-1] ^ 1]), "different from"),
        (DATA[:-1], "shorter than"),
        (b"", "shorter than"),
        (DATA + b"x", "1 bytes more than"),
    ],
)
@pytest.mark.parametrize("size", [-1, 1000, 1 << 20])
def test_a_damaged_blob_is_found_out_when_it_is_read(store, data, how, size):
    descriptor = store.add(DATA, "application/x")
    store.path(descriptor.digest).write_bytes(data)
    with store.open(descriptor) as blob, pytest.raises(IntegrityError, match=how) as caught:
        read_all(blob, size)
    assert "was damaged and is removed" in caught.value.message
    assert caught.value.hint == "build again: the blob is fetched or made anew"
    assert descriptor.digest not in store


def test_a_damaged_blob_that_was_replaced_meanwhile_stays(store):
    descriptor = store.add(DATA, "application/x")
    store.path(descriptor.digest).write_bytes(b"damaged")
    with store.open(descriptor) as blob:
        store.add(DATA, "application/x")
        with pytest.raises(IntegrityError, match="shorter than"):
            blob.read()
    assert store.open(descriptor).read() == DATA


def test_a_descriptor_with_a_wrong_size_is_found_out(store):
    made = store.add(b"data", "application/x")
    with (
        store.open(Descriptor("application/x", made.digest, 3)) as blob,
        pytest.raises(IntegrityError, match="has 4 bytes, not 3 as its descriptor says"),
    ):
        blob.read()
    assert made.digest in store  # nothing is wrong with the blob


def test_a_disk_that_fails_while_a_blob_is_read_is_a_state_error(store):
    descriptor = store.add(DATA, "application/x")
    path = store.path(descriptor.digest)
    path.unlink()
    path.symlink_to("/proc/self/mem")  # reading its beginning is EIO
    with store.open(descriptor) as blob, pytest.raises(StateError, match=f"cannot read {path}"):
        blob.read()


def test_an_empty_blob(store):
    descriptor = store.add(b"", "application/x")
    assert store.open(descriptor).read() == b""


def test_a_damaged_blob_is_replaced_when_it_is_made_again(store):
    descriptor = store.add(DATA, "application/x")
    store.path(descriptor.digest).write_bytes(b"damaged")
    store.add(DATA, "application/x")
    assert store.open(descriptor).read() == DATA


def test_a_missing_blob_is_named(store):
    with pytest.raises(StateError, match=r"the blob sha256:.* is not in the store"):
        store.open(Descriptor("application/x", sha256_of(b"x"), 1))


def test_what_was_made_by_a_process_that_is_gone_is_removed(root):
    LayoutStore(root).close()
    (root / ".new-abandoned").write_bytes(b"half a blob")
    (root / ".build-abandoned").write_bytes(b"")
    with LayoutStore(root) as store, store.writer() as writer:
        writer.write(b"half")
        alive = names(root)
        LayoutStore(root).close()
        assert names(root) == alive
        assert [name for name in alive if "abandoned" in name] == []


def test_a_blob_being_written_survives_another_store_that_opens(store, root):
    with store.writer() as writer:
        writer.write(b"one")
        LayoutStore(root).close()
        descriptor = writer.commit("application/x")
    assert store.open(descriptor).read() == b"one"


def test_many_threads_store_the_same_blob(store, root):
    before = names(root)
    threads = [threading.Thread(target=store.add, args=(DATA, "application/x")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(root)) == len(before) + 1


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EROFS, "choose a directory that this user can write"),
        (errno.EACCES, "choose a directory that this user can write"),
    ],
)
def test_a_disk_that_refuses_is_said_with_what_to_do(store, root, monkeypatch, number, hint):
    def refuse(*_args, **_options):
        raise OSError(number, os.strerror(number))

    before = names(root)
    monkeypatch.setattr(os, "write", refuse)
    with pytest.raises(StateError, match=rf"cannot write .*: {os.strerror(number)}") as caught:
        store.add(b"data", "application/x")
    assert hint in caught.value.hint
    full = "after 0 bytes, 4 more are needed at once and [0-9]+ are free there"
    assert bool(re.search(full, caught.value.message)) == (number == errno.ENOSPC)
    assert names(root) == before


def test_a_store_that_cannot_be_made_is_a_state_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StateError, match=r"cannot make the blob store .*/file/x"):
        LayoutStore(tmp_path / "file" / "x")


def test_a_disk_that_has_become_read_only_does_not_hide_why_the_build_failed(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise OSError(errno.EROFS, "Read-only file system")

    store = LayoutStore(tmp_path / "blobs")
    store.add(b"x", "text/plain")
    monkeypatch.setattr(Path, "unlink", refuse)
    store.close()
    store.close()
