"""How layers are compressed: what is asked for, what it becomes, and compressing anew."""

import gzip
import hashlib
import os
import threading
import zlib

import pytest

from pybuild.archive.compression import decompress, detect
from pybuild.archive.zstd import ZstdCompressor
from pybuild.digest import from_raw, sha256_of
from pybuild.errors import IntegrityError, StateError, UsageError
from pybuild.layers.compression import GZIP, UNCOMPRESSED, ZSTD, compression_for
from pybuild.layers.pack import pack
from pybuild.layers.recompress import recompress
from pybuild.oci import media
from pybuild.store.blobs import LayoutStore, LayoutWriter
from pybuild.tree.entry import BytesContent, Entry, Item, Kind

WORDS = [b"%x" % (n * n * n) for n in range(900)]
TEXT = b" ".join(WORDS[(n * n) % 899] for n in range(200_000))


@pytest.fixture
def store(tmp_path):
    return LayoutStore(tmp_path / "store")


def read(store, descriptor):
    with store.open(descriptor) as blob:
        return blob.read()


@pytest.mark.parametrize(
    ("kind", "level", "expected"),
    [
        ("gzip", None, GZIP),
        ("zstd", None, ZSTD),
        ("uncompressed", None, UNCOMPRESSED),
        ("uncompressed", 7, UNCOMPRESSED),
    ],
)
def test_what_is_asked_for_by_name(kind, level, expected):
    assert compression_for(kind, level) == expected


@pytest.mark.parametrize(("kind", "last"), [("gzip", 9), ("zstd", 22)])
def test_every_level_can_be_read_and_the_last_is_smaller_than_the_first(kind, last):
    sizes = {}
    for level in range(1, last + 1, 7 if kind == "zstd" else 1):
        compressor = compression_for(kind, level).compressor()
        packed = compressor.compress(TEXT) + compressor.flush()
        assert detect(packed[:10]) == kind
        assert b"".join(decompress(iter([packed]))) == TEXT
        sizes[level] = len(packed)
    assert sizes[last] < sizes[1]


def test_level_0_of_gzip_stores_and_of_zstd_is_its_default():
    stored = compression_for("gzip", 0).compressor()
    assert len(stored.compress(TEXT) + stored.flush()) > len(TEXT)
    default = compression_for("zstd", 0).compressor()
    own = ZstdCompressor(level=3)
    assert default.compress(TEXT) + default.flush() == own.compress(TEXT) + own.flush()


@pytest.mark.parametrize("level", range(10))
def test_gzip_holds_no_time_and_no_name_at_any_level(level):
    compressor = compression_for("gzip", level).compressor()
    packed = compressor.compress(b"x") + compressor.flush()
    assert packed[:8] == bytes.fromhex("1f8b080000000000")
    assert zlib.decompress(packed, 31) == b"x"


@pytest.mark.parametrize(
    ("kind", "level", "message", "hint"),
    [
        ("gzip", 10, "compression-level=10 is not a level of gzip", "take a number from 0 to 9"),
        ("gzip", -1, "compression-level=-1 is not a level of gzip", "take a number from 0 to 9"),
        ("zstd", 23, "compression-level=23 is not a level of zstd", "take a number from 0 to 22"),
        ("estargz", None, "compression=estargz is not known", "take gzip, zstd or uncompressed"),
    ],
)
def test_a_compression_that_is_none_is_a_usage_error(kind, level, message, hint):
    with pytest.raises(UsageError) as caught:
        compression_for(kind, level)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_layer_can_be_packed_without_compression(store):
    layer = pack(
        [Item(Entry(b"f", Kind.FILE, size=1), BytesContent(b"x"))], store, compression=UNCOMPRESSED
    )
    assert layer.descriptor.media_type == media.OCI_LAYER
    assert layer.descriptor.digest == layer.diff_id
    assert layer.descriptor.size_bytes == layer.unpacked_bytes


SOURCES = {
    "gzip": gzip.compress(TEXT, 1),
    "two gzip members": gzip.compress(TEXT[:9999]) + gzip.compress(TEXT[9999:]),
    "zstd": b"".join([(own := ZstdCompressor(level=1)).compress(TEXT), own.flush()]),
    "none": TEXT,
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("compression", [GZIP, ZSTD, UNCOMPRESSED], ids=lambda one: one.name)
def test_compressing_anew_keeps_the_tar(store, source, compression):
    pieces = iter([source[begin : begin + 999] for begin in range(0, len(source), 999)])
    descriptor, diff_id = recompress(pieces, store, compression)
    packed = read(store, descriptor)
    assert diff_id == sha256_of(TEXT)
    assert descriptor.media_type == compression.media_type
    assert descriptor.digest == sha256_of(packed)
    assert b"".join(decompress(iter([packed]))) == TEXT


def test_how_the_tar_comes_in_pieces_makes_no_difference(store):
    one, _ = recompress(iter([TEXT]), store, GZIP)
    for size in (777, 70_001, 1 << 20):
        pieces = [TEXT[begin : begin + size] for begin in range(0, len(TEXT), size)]
        assert recompress(iter(pieces), store, GZIP)[0] == one


def test_compressing_anew_gives_what_packing_gave(store):
    layer = pack([Item(Entry(b"f", Kind.FILE, size=len(TEXT)), BytesContent(TEXT))], store)
    zstd, _ = recompress(iter([read(store, layer.descriptor)]), store, ZSTD)
    assert recompress(iter([read(store, zstd)]), store, GZIP)[0] == layer.descriptor


def test_compressing_anew_holds_a_few_megabytes_only(store):
    piece = os.urandom(1 << 20)
    taken = []

    def pieces():
        for n in range(60):
            taken.append(n)
            yield piece

    descriptor, diff_id = recompress(pieces(), store, GZIP)
    digest = hashlib.sha256()
    for _ in range(60):
        digest.update(piece)
    assert diff_id == from_raw(digest.digest())
    assert len(taken) == 60
    assert descriptor.size_bytes > 60 << 20


@pytest.mark.parametrize("source", [SOURCES["gzip"][:-20], SOURCES["zstd"][:-9]])
def test_a_cut_layer_is_not_compressed_anew(store, source):
    with pytest.raises(IntegrityError, match=r"a layer cannot be compressed anew: the .* cut off"):
        recompress(iter([source]), store, GZIP)
    assert_nothing_is_left(store)


def test_a_full_disk_ends_compressing_anew(store, monkeypatch):
    def full(_self, _data):
        raise StateError("the disk is full")

    monkeypatch.setattr(LayoutWriter, "write", full)
    noise = os.urandom(1 << 20)
    with pytest.raises(StateError, match="the disk is full"):
        recompress((noise for _ in range(100)), store, ZSTD)
    assert_nothing_is_left(store)


def assert_nothing_is_left(store):
    blobs = store.path("sha256:x").parent
    assert list(blobs.iterdir()) == []
    assert list(blobs.parents[1].glob(".blob*")) == []
    assert [thread for thread in threading.enumerate() if thread.name == "layer"] == []
