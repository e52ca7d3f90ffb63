"""Reading tars: what others write is understood, what is wrong is refused."""

import io
import tarfile

import pytest

from pybuild.archive import tar
from pybuild.archive.errors import ArchiveError
from pybuild.tree.entry import Entry, Kind

S = 1_000_000_000


def python_tar(*members, format=tarfile.PAX_FORMAT):  # noqa: A002 - tarfile's word
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for name, fields in members:
            info = tarfile.TarInfo(name)
            data = fields.pop("data", b"")
            info.size = len(data)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(data) if data else None)
    return buffer.getvalue()


NUMBER = b"0000000\0"
ZERO = b"00000000000\0"


def raw(name=b"x", typeflag=b"0", *, size=ZERO, link=b"", uid=NUMBER, mtime=ZERO, body=b""):
    block = bytearray(512)
    for offset, value in (
        (0, name), (100, b"0000644\0"), (108, uid), (116, NUMBER), (124, size),
        (136, mtime), (148, b" " * 8), (156, typeflag), (157, link), (257, b"ustar\x0000"),
    ):  # fmt: skip
        block[offset : offset + len(value)] = value
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + body + bytes(-len(body) % 512)


def sized(typeflag, body, **fields):
    return raw(typeflag=typeflag, size=b"%011o\0" % len(body), body=body, **fields)


def record(key, value):
    length = len(key) + len(value) + 3
    while len(b"%d" % length) + len(key) + len(value) + 3 != length:
        length = len(b"%d" % length) + len(key) + len(value) + 3
    return b"%d %b=%b\n" % (length, key, value)


def members(data, size=1 << 20):
    chunks = iter([data[begin : begin + size] for begin in range(0, len(data), size)])
    return [(member.entry, b"".join(member.chunks())) for member in tar.read(chunks)]


def entries(data):
    return [entry for entry, _ in members(data)]


FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("size", [1, 511, 1 << 20])
def test_every_kind_in_every_format(format_, size):
    data = python_tar(
        ("d", {"type": b"5", "mode": 0o2750, "uid": 7, "gid": 8, "mtime": 9}),
        ("d/f", {"data": b"hello", "mode": 0o4755, "mtime": 1}),
        ("d/s", {"type": b"2", "linkname": "../../../etc/x"}),
        ("d/h", {"type": b"1", "linkname": "./d/f"}),
        ("d/c", {"type": b"3", "devmajor": 5, "devminor": 1}),
        ("d/b", {"type": b"4", "devmajor": 8, "devminor": 17}),
        ("d/p", {"type": b"6"}),
        format=format_,
    )
    assert members(data, size) == [
        (Entry(b"d", Kind.DIRECTORY, 0o2750, 7, 8, 9 * S), b""),
        (Entry(b"d/f", Kind.FILE, 0o4755, mtime_ns=S, size=5), b"hello"),
        (Entry(b"d/s", Kind.SYMLINK, link=b"../../../etc/x"), b""),
        (Entry(b"d/h", Kind.HARDLINK, link=b"d/f"), b""),
        (Entry(b"d/c", Kind.CHARACTER_DEVICE, device=(5, 1)), b""),
        (Entry(b"d/b", Kind.BLOCK_DEVICE, device=(8, 17)), b""),
        (Entry(b"d/p", Kind.FIFO), b""),
    ]


LONG = "d" * 90 + "/" + "é" * 120 + "/" + "f" * 90


@pytest.mark.parametrize("format_", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_and_links(format_):
    data = python_tar((LONG, {"type": b"2", "linkname": "/" + LONG}), format=format_)
    assert entries(data) == [Entry(LONG.encode(), Kind.SYMLINK, link=b"/" + LONG.encode())]


def test_a_ustar_prefix_is_part_of_the_name():
    data = python_tar(("a" * 90 + "/" + "b" * 90, {}), format=tarfile.USTAR_FORMAT)
    assert entries(data)[0].path == b"a" * 90 + b"/" + b"b" * 90


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (b"/etc/x", b"etc/x"),
        (b"./etc//x/", b"etc/x"),
        (b"/", b""),
        (b".", b""),
        (b"./", b""),
        (b"a/./b", b"a/b"),
        (b".hidden/.x", b".hidden/.x"),
        (b"a/...", b"a/..."),
        (b"..a/b..", b"..a/b.."),
        (b"a/../b", b"b"),
        (b"a/b/../../c/./d/..", b"c"),
        (b"\xff\xfe", b"\xff\xfe"),
    ],
)
def test_names_become_relative_paths(name, path):
    assert entries(raw(name))[0].path == path


@pytest.mark.parametrize(
    "name", [b"../x", b"/../x", b"a/../../x", b"a/..", b"..", b"./../x", b"../a/b/c"]
)
@pytest.mark.parametrize("place", ["header", "pax", "hard link"])
def test_names_that_climb_are_refused(name, place):
    data = {
        "header": raw(name),
        "pax": sized(b"x", record(b"path", name)) + raw(),
        "hard link": raw(typeflag=b"1", link=name),
    }[place]
    with pytest.raises(ArchiveError, match="climbs out"):
        members(data)


def test_base_256_numbers():
    size = b"\x80" + (3).to_bytes(11, "big")
    uid = b"\x80" + (3_000_000).to_bytes(7, "big")
    before = b"\xff" + (-5).to_bytes(11, "big", signed=True)
    data = raw(size=size, uid=uid, mtime=before, body=b"abc")
    assert members(data) == [
        (Entry(b"x", Kind.FILE, 0o644, 3_000_000, 0, -5 * S, 3), b"abc"),
    ]


def test_pax_numbers_times_and_xattrs():
    body = b"".join(
        record(key, value)
        for key, value in [
            (b"mtime", b"12.25"), (b"uid", b"4000000000"), (b"gid", b"7"), (b"comment", b"x"),
            (b"SCHILY.xattr.user.b", b"\0\n="), (b"SCHILY.xattr.user.a", b""),
            (b"SCHILY.xattr.trusted.overlay.opaque", b"y"),
            (b"SCHILY.xattr.user.overlay.redirect", b"/"),
        ]
    )  # fmt: skip
    assert entries(sized(b"x", body) + raw() + raw(b"y")) == [
        Entry(
            b"x", Kind.FILE, 0o644, 4_000_000_000, 7, 12 * S + S // 4,
            xattrs=((b"user.a", b""), (b"user.b", b"\0\n=")),
        ),
        Entry(b"y", Kind.FILE),
    ]  # fmt: skip


def test_global_records_hold_until_they_are_overridden():
    data = (
        sized(b"g", record(b"mtime", b"5") + record(b"comment", b"0123abc"))
        + raw(b"a")
        + sized(b"x", record(b"mtime", b"6"))
        + raw(b"b")
        + raw(b"c")
    )
    assert [entry.mtime_s for entry in entries(data)] == [5, 6, 5]


def test_a_hard_link_with_a_size_has_no_body():
    data = raw(b"l", b"1", size=b"%011o\0" % 99, link=b"x") + raw(b"y")
    assert [entry.path for entry in entries(data)] == [b"l", b"y"]


def test_bodies_that_nobody_takes_are_passed_over():
    data = sized(b"0", b"a" * 1000, name=b"a") + sized(b"0", b"b" * 10, name=b"b")
    assert [member.entry.path for member in tar.read(iter([data]))] == [b"a", b"b"]


def test_what_follows_the_end_is_read_but_means_nothing():
    seen = []

    def source():
        for chunk in (raw(b"a") + bytes(1024), b"garbage" * 100):
            seen.append(chunk)
            yield chunk

    assert [member.entry.path for member in tar.read(source())] == [b"a"]
    assert len(seen) == 2


def test_a_tar_without_an_end_marker_is_read():
    assert len(entries(raw(b"a"))) == 1
    assert entries(b"") == []


BIG = b"\x80" + (1 << 63).to_bytes(11, "big")
NEGATIVE = b"\xff" + (-1).to_bytes(11, "big", signed=True)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (raw(size=NEGATIVE), "the size -1"),
        (raw(size=BIG), "the size 9223372036854775808"),
        (raw(size=b"-0000000001\0"), "the size b'-0"),
        (raw(size=b"0x000000001\0"), "the size b'0x"),
        (raw(size=b"00000000009\0"), "the size b'0"),
        (sized(b"x", record(b"size", b"-1")) + raw(), "the size b'-1'"),
        (sized(b"x", record(b"size", b"9" * 4000)) + raw(), "the size b'999"),
        (raw(uid=b"\x80" + (0xFFFFFFFF).to_bytes(7, "big")), "the uid 4294967295"),
        (sized(b"x", record(b"gid", b"4294967295")) + raw(), "the gid 4294967295"),
        (sized(b"x", record(b"mtime", b"1e9")) + raw(), "the mtime b'1e9'"),
        (raw(mtime=b"\x80" + (1 << 60).to_bytes(11, "big")), "the mtime"),
        (raw(typeflag=b"M"), "b'x': the tar type b'M' is not supported$"),
        (raw(typeflag=b"x", size=b"%011o\0" % (2 << 20)), "extended tar header of 2097152 bytes"),
        (raw(typeflag=b"L", size=NEGATIVE), "extended tar header of -1 bytes"),
        (sized(b"x", b"99 path=x\n") + raw(), "a pax record has a wrong length"),
        (sized(b"x", b"0 path=x\n") + raw(), "a pax record has a wrong length"),
        (sized(b"x", b"path=x\n") + raw(), "a pax record has no length"),
        (sized(b"x", b"-9 path=x\n") + raw(), "a pax record has no length"),
        (sized(b"x", record(b"path", b"a\0b")) + raw(), "holds NUL"),
        (sized(b"x", record(b"linkpath", b"a\0b")) + raw(typeflag=b"2"), "holds NUL"),
        (sized(b"L", b"a\0b\0") + raw(), "holds NUL"),
        (sized(b"K", b"a\0b\0") + raw(typeflag=b"2"), "holds NUL"),
        (raw()[:300], "cut off within a header"),
        (sized(b"x", record(b"path", b"y" * 600))[:700], "cut off within an extended header"),
        (sized(b"0", b"a" * 1000)[:900], "cut off within b'x'"),
        (bytes(512) + raw(), "something follows a lone zero block"),
        (b"\x01" * 512, "the checksum b"),
        (raw().replace(b"x", b"y", 1), "a wrong checksum"),
    ],
)
def test_malformed_tars_are_refused(data, message):
    with pytest.raises(ArchiveError, match=message):
        members(data)


def test_a_cut_body_is_noticed_when_it_is_passed_over():
    with pytest.raises(ArchiveError, match="cut off within b'x'"):
        list(tar.read(iter([sized(b"0", b"a" * 1000)[:900]])))
