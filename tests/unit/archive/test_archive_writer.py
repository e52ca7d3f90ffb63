"""Writing tars: the same entry gives the same bytes, and others read them."""

import io
import tarfile

import pytest

from pybuild.archive import tar, writer
from pybuild.archive.errors import ArchiveError
from pybuild.tree.entry import Entry, Kind

ENTRIES = [
    Entry(b"", Kind.DIRECTORY, 0o755),
    Entry(b"a" * 100, Kind.FILE),
    Entry(b"a" * 101, Kind.FILE),
    Entry(b"a" * 99, Kind.DIRECTORY),
    Entry(b"a" * 100 + b"/" + b"b" * 99, Kind.DIRECTORY),
    Entry(b"a" * 155 + b"/" + b"b" * 100, Kind.FILE),
    Entry(b"a" * 156 + b"/" + b"b" * 100, Kind.FILE),
    Entry("größe/é".encode(), Kind.FILE, 0o4755, 2097151, 2097152, -1_000_000_000),
    Entry(b"\xff\xfe\n", Kind.SYMLINK, 0o777, link=b"\xff" * 300),
    Entry(b"h", Kind.HARDLINK, link=b"b" * 101),
    Entry(b"c", Kind.CHARACTER_DEVICE, device=(1, 3)),
    Entry(b"b", Kind.BLOCK_DEVICE, device=(2097151, 2097151)),
    Entry(b"p", Kind.FIFO, 0o600, 4294967294, 4294967294, 8**11 * 1_000_000_000),
    Entry(b"x", Kind.FILE, xattrs=((b"security.capability", b"\1\0\0\2"), (b"user.e", b""))),
]


def through_our_reader(data):
    return [member.entry for member in tar.read(iter([data]))]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: repr(entry.path)[:20])
def test_our_reader_gives_back_what_was_written(entry):
    data = writer.header(entry)
    assert len(data) % 512 == 0
    assert through_our_reader(data + writer.END) == [entry]
    assert writer.header(entry) == data


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: repr(entry.path)[:20])
def test_python_reads_the_same(entry):
    with tarfile.open(fileobj=io.BytesIO(writer.header(entry) + writer.END)) as archive:
        (info,) = archive.getmembers()
    name = info.name.encode("utf-8", "surrogateescape").strip(b"/.")
    assert (name, info.mode, info.uid, info.gid) == (entry.path, entry.mode, entry.uid, entry.gid)
    assert info.linkname.encode("utf-8", "surrogateescape") == entry.link
    assert (info.mtime, info.uname, info.gname) == (entry.mtime_s, "", "")


def test_the_bytes_of_a_plain_header():
    fields = [
        b"etc/x".ljust(100, b"\0"),
        *(b"0000644\0", b"0000001\0", b"0000002\0", b"00000000005\0", b"00000000003\0"),
        b" " * 8 + b"0" + bytes(100),
        b"ustar\x0000" + bytes(64) + b"0000000\0" * 2 + bytes(167),
    ]
    expected = b"".join(fields)
    checksum = b"%06o\0 " % sum(expected)
    expected = expected[:148] + checksum + expected[156:]
    assert writer.header(Entry(b"etc/x", Kind.FILE, 0o644, 1, 2, 3_999_999_999, 5)) == expected


def test_a_size_beyond_eight_gigabytes_is_a_record():
    data = writer.header(Entry(b"big", Kind.FILE, size=8**11))
    assert b" size=8589934592\n" in data


def test_padding_fills_the_block():
    assert [len(writer.padding(size)) for size in (0, 1, 511, 512, 513)] == [0, 511, 1, 0, 511]


@pytest.mark.parametrize(
    "entry",
    [
        Entry(b"w", Kind.WHITEOUT),
        Entry(b"o", Kind.OPAQUE),
        Entry(b"d", Kind.BLOCK_DEVICE, device=(2097152, 0)),
    ],
)
def test_what_a_tar_cannot_say_is_refused(entry):
    with pytest.raises(ArchiveError, match="a tar cannot hold"):
        writer.header(entry)


def test_a_key_that_pax_cannot_hold_is_refused():
    with pytest.raises(ArchiveError, match="cannot be a pax key"):
        writer.header(Entry(b"x", Kind.FILE, xattrs=((b"user.a=b", b""),)))
