"""Compressed streams: whatever the cut of the pieces, the bytes or a clear error."""

import bz2
import gzip
import lzma
import os

import pytest

from pybuild.archive.compression import decompress, detect
from pybuild.archive.errors import ArchiveError
from pybuild.archive.zstd import ZstdCompressor

DATA = os.urandom(3000) + bytes(200_000) + b"the end"
SKIPPABLE = b"\x5a\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"


def zstd(data):
    compressor = ZstdCompressor()
    return compressor.compress(data) + compressor.flush()


COMPRESS = {
    "gzip": gzip.compress,
    "zstd": zstd,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "none": bytes,
}


def cut(data, size):
    return iter([data[begin : begin + size] for begin in range(0, len(data), size)])


def inflate(data, size=1000, **options):
    return b"".join(decompress(cut(data, size), **options))


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_stream_is_recognized_and_inflated(kind, size):
    packed = COMPRESS[kind](DATA)
    assert detect(packed[:10]) == kind
    assert inflate(packed, size) == DATA


@pytest.mark.parametrize("kind", [kind for kind in COMPRESS if kind != "none"])
def test_concatenated_members_are_one_stream(kind):
    compress = COMPRESS[kind]
    assert inflate(compress(DATA) + compress(b"more") + compress(b"")) == DATA + b"more"


@pytest.mark.parametrize("kind", [kind for kind in COMPRESS if kind != "none"])
def test_zeros_behind_the_stream_are_padding(kind):
    assert inflate(COMPRESS[kind](DATA) + bytes(4096)) == DATA


@pytest.mark.parametrize("kind", [kind for kind in COMPRESS if kind != "none"])
def test_a_cut_stream_is_an_error(kind):
    with pytest.raises(ArchiveError, match=f"the {kind} stream is cut off"):
        inflate(COMPRESS[kind](DATA)[:-1])


@pytest.mark.parametrize("kind", [kind for kind in COMPRESS if kind != "none"])
def test_garbage_behind_the_stream_is_an_error(kind):
    with pytest.raises(ArchiveError, match=rf"something that is not {kind} follows"):
        inflate(COMPRESS[kind](DATA) + b"garbage that is long enough to be looked at")


def test_a_wrong_checksum_is_an_error():
    packed = bytearray(gzip.compress(DATA))
    packed[-6] ^= 1
    with pytest.raises(ArchiveError, match="gzip stream is damaged"):
        inflate(bytes(packed))


def test_a_zstd_stream_may_begin_with_a_skippable_frame():
    assert inflate(SKIPPABLE + zstd(DATA)) == DATA


def test_an_empty_stream_is_empty_unless_a_compression_was_promised():
    assert inflate(b"") == b""
    with pytest.raises(ArchiveError, match="cut off"):
        inflate(b"", kind="gzip")


def test_a_bomb_is_inflated_a_piece_at_a_time():
    bomb = gzip.compress(bytes(64 << 20))
    assert max(len(piece) for piece in decompress(iter([bomb]))) <= 1 << 20


def test_the_source_is_read_to_its_end():
    def source():
        yield gzip.compress(DATA)
        raise RuntimeError("the digest is wrong")

    with pytest.raises(RuntimeError, match="the digest is wrong"):
        b"".join(decompress(source()))


def test_an_xz_stream_cannot_ask_for_gigabytes():
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29, "preset": 0}]
    packed = lzma.LZMACompressor(lzma.FORMAT_XZ, filters=[{**filters[0], "dict_size": 4096}])
    data = bytearray(packed.compress(DATA) + packed.flush())
    # the block header's LZMA2 property byte: dictionary size 4 GiB - 1, checksum made right again
    import zlib

    header_size = (data[12] + 1) * 4
    data[12 + 4] = 40
    check = zlib.crc32(data[12 : 12 + header_size - 4]).to_bytes(4, "little")
    data[12 + header_size - 4 : 12 + header_size] = check
    with pytest.raises(ArchiveError, match=r"xz stream is damaged: .*[Mm]emory"):
        inflate(bytes(data))
