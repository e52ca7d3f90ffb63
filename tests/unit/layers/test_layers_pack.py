"""Packing layers: bytes, digests, and files that change meanwhile."""

import gzip
import hashlib
import os
import threading

import pytest

from pybuild.archive import tar, writer
from pybuild.archive.compression import decompress
from pybuild.digest import sha256_of
from pybuild.errors import ContextError, IntegrityError, StateError
from pybuild.layers.compression import GZIP, ZSTD
from pybuild.layers.content import ContentReader
from pybuild.layers.pack import pack
from pybuild.oci import media
from pybuild.store.blobs import LayoutStore, LayoutWriter
from pybuild.tree.entry import BytesContent, Entry, FileContent, Item, Kind
from tools.layer_samples import S

BIG = os.urandom(1 << 20) + bytes((1 << 20) + 17)


@pytest.fixture
def store(tmp_path):
    return LayoutStore(tmp_path / "store")


def blob(store, layer):
    with store.open(layer.descriptor) as opened:
        return opened.read()


def unpacked(store, layer):
    return b"".join(decompress(iter([blob(store, layer)])))


def items(directory):
    (directory / "big").write_bytes(BIG)
    (directory / "empty").write_bytes(b"")
    return [
        Item(Entry(b"d", Kind.DIRECTORY, 0o755, mtime_ns=S)),
        Item(Entry(b"d", Kind.OPAQUE)),
        Item(Entry(b"d/big", Kind.FILE, size=len(BIG)), FileContent(directory / "big")),
        Item(Entry(b"d/empty", Kind.FILE), FileContent(directory / "empty")),
        Item(Entry(b"d/gone", Kind.WHITEOUT)),
        Item(Entry(b"d/hard", Kind.HARDLINK, link=b"d/big")),
        Item(Entry(b"d/text", Kind.FILE, size=4), BytesContent(b"text")),
        Item(Entry(b"e", Kind.FILE)),
    ]


@pytest.mark.parametrize(
    ("compression", "media_type", "magic"),
    [(GZIP, media.OCI_LAYER_GZIP, b"\x1f\x8b"), (ZSTD, media.OCI_LAYER_ZSTD, b"\x28\xb5\x2f\xfd")],
)
def test_a_layer_holds_the_items(store, tmp_path, compression, media_type, magic):
    layer = pack(items(tmp_path), store, compression=compression)
    packed, data = blob(store, layer), unpacked(store, layer)
    assert packed.startswith(magic)
    assert (layer.descriptor.media_type, layer.descriptor.digest) == (media_type, sha256_of(packed))
    assert (layer.diff_id, layer.unpacked_bytes) == (sha256_of(data), len(data))
    assert len(packed) == layer.descriptor.size_bytes
    found = [(member.entry.path, b"".join(member.chunks())) for member in tar.read(iter([data]))]
    assert found == [
        (b"d", b""),
        (b"d/.wh..wh..opq", b""),
        (b"d/big", BIG),
        (b"d/empty", b""),
        (b"d/.wh.gone", b""),
        (b"d/hard", b""),
        (b"d/text", b"text"),
        (b"e", b""),
    ]


def test_the_entries_of_a_layer_have_digests(store, tmp_path):
    given = items(tmp_path)
    entries = []
    pack(given, store, record=entries.append)
    assert [entry.path for entry in entries] == [item.entry.path for item in given]
    digests = {entry.path: entry.digest for entry in entries if entry.kind is Kind.FILE}
    assert digests == {
        b"d/big": hashlib.sha256(BIG).digest(),
        b"d/empty": hashlib.sha256(b"").digest(),
        b"d/text": hashlib.sha256(b"text").digest(),
        b"e": hashlib.sha256(b"").digest(),
    }


@pytest.mark.parametrize("compression", [GZIP, ZSTD])
def test_the_same_items_give_the_same_blob(tmp_path, compression):
    first = pack(items(tmp_path), LayoutStore(tmp_path / "1"), compression=compression)
    os.utime(tmp_path / "big", (1, 1))
    second = pack(items(tmp_path), LayoutStore(tmp_path / "2"), compression=compression)
    assert first == second


def test_the_bytes_of_a_small_layer(store):
    entry = Entry(b"a", Kind.FILE, size=1, mtime_ns=S)
    layer = pack([Item(entry, BytesContent(b"x"))], store)
    header = writer.header(entry)
    assert layer.diff_id == sha256_of(header + b"x" + bytes(511) + bytes(1024))
    assert blob(store, layer)[:10] == bytes.fromhex("1f8b08000000000000ff")  # no time, no name


def test_times_after_the_limit_become_it(store):
    entries = [Entry(b"%d" % t, Kind.DIRECTORY, mtime_ns=t * S + 5) for t in (3, 4, 5)]
    held = []
    layer = pack([Item(entry) for entry in entries], store, rewrite_to=4, record=held.append)
    assert [entry.mtime_s for entry in held] == [3, 4, 4]
    members = tar.read(iter([unpacked(store, layer)]))
    assert [member.entry.mtime_s for member in members] == [3, 4, 4]


def test_an_empty_layer_is_an_empty_tar(store):
    layer = pack([], store)
    # the diff_id that Docker's own empty layer has: 1024 zero bytes
    assert layer.diff_id == (
        "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
    )
    assert gzip.decompress(blob(store, layer)) == bytes(1024)


@pytest.mark.parametrize("size", [1, 5, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
@pytest.mark.parametrize(("change", "how"), [(1, "grew"), (-1, "lost 1 bytes")])
def test_a_file_that_changed_its_size_is_named(store, tmp_path, size, change, how):
    (tmp_path / "f").write_bytes(bytes(size + change))
    item = Item(Entry(b"app/f", Kind.FILE, size=size), FileContent(tmp_path / "f"))
    with pytest.raises(IntegrityError, match=f"/app/f changed while it was read: {how}"):
        pack([item], store)
    assert_nothing_is_left(store)


@pytest.mark.parametrize("size", [0, 5, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 2 << 20])
def test_files_of_every_size_are_read_whole(store, tmp_path, size):
    (tmp_path / "f").write_bytes(b"a" * size)
    item = Item(Entry(b"f", Kind.FILE, size=size), FileContent(tmp_path / "f"))
    entries = []
    pack([item], store, record=entries.append)
    assert entries[0].digest == hashlib.sha256(b"a" * size).digest()


def make_link(path):
    path.symlink_to("/etc/passwd")


@pytest.mark.parametrize(
    ("replace", "reason"),
    [
        (lambda _path: None, "No such file"),
        (make_link, "Too many levels of symbolic links"),
        (lambda path: path.mkdir(), "Is a directory"),
        (os.mkfifo, "lost 5 bytes"),
    ],
)
def test_what_took_a_files_place_is_not_read(store, tmp_path, replace, reason):
    replace(tmp_path / "f")
    item = Item(Entry(b"f", Kind.FILE, size=5), FileContent(tmp_path / "f"))
    with pytest.raises(IntegrityError, match=rf"/f changed while it was read: {reason}"):
        pack([item], store)


def test_bytes_that_are_not_what_was_read_first_are_refused(store):
    entry = Entry(b"f", Kind.FILE, size=1, digest=hashlib.sha256(b"x").digest())
    entries = []
    pack([Item(entry, BytesContent(b"x"))], store, record=entries.append)
    assert entries == [entry]
    with pytest.raises(IntegrityError, match="/f changed since the build read it first"):
        pack([Item(entry, BytesContent(b"y"))], store)


def test_a_file_that_may_not_be_read_is_a_context_error(tmp_path, monkeypatch):
    def refuse(path, *_args, **_options):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("pybuild.layers.content.os.open", refuse)
    item = Item(Entry(b"f", Kind.FILE, size=1), FileContent(tmp_path / "f"))
    with ContentReader() as reader, pytest.raises(ContextError, match=r"cannot read .*/f: Perm"):
        list(reader.pieces(item))


def test_an_error_of_the_items_comes_through(store):
    def broken():
        yield Item(Entry(b"a", Kind.FILE))
        raise ContextError("the context is gone")

    with pytest.raises(ContextError, match="the context is gone"):
        pack(broken(), store)
    assert_nothing_is_left(store)


def test_an_error_of_the_store_ends_every_thread(store, monkeypatch):
    def full(_self, _data):
        raise StateError("the disk is full")

    monkeypatch.setattr(LayoutWriter, "write", full)
    noise = os.urandom(1 << 20)
    endless = (
        Item(Entry(b"%d" % n, Kind.FILE, size=len(noise)), BytesContent(noise)) for n in range(200)
    )
    with pytest.raises(StateError, match="the disk is full"):
        pack(endless, store)
    assert next(endless, None) is not None  # noticed long before the items end
    assert_nothing_is_left(store)


def assert_nothing_is_left(store):
    blobs = store.path("sha256:x").parent
    assert list(blobs.iterdir()) == []
    assert list(blobs.parents[1].glob(".blob*")) == []
    assert [thread for thread in threading.enumerate() if thread.name == "layer"] == []
