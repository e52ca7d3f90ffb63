"""Sparse files: every format of GNU tar gives the whole file; maps that lie are refused."""

import shutil
import subprocess

import pytest

from pybuild.archive import tar
from pybuild.archive.errors import ArchiveError
from pybuild.archive.sparse import SparseMap
from pybuild.tree.entry import Kind

HOLE = 1 << 16
FORMATS = {
    "old": ["--format=gnu"],
    "0.0": ["--format=posix", "--sparse-version=0.0"],
    "0.1": ["--format=posix", "--sparse-version=0.1"],
    "1.0": ["--format=posix", "--sparse-version=1.0"],
}
FILES = {
    "empty": b"",
    "only a hole": bytes(3 * HOLE),
    "data first": b"a" * 4096 + bytes(HOLE),
    "hole first": bytes(HOLE) + b"b" * 5000,
    "not sparse": b"c" * 700,
    # more regions than a header holds (4), and than one more block does (21)
    "many regions": b"".join(bytes(HOLE) + b"%03d" % n * 512 for n in range(60)),
    "beyond a megabyte": b"x" * 1024 + bytes(3 << 20) + b"y",
}


def members(data, size=10_007):
    chunks = iter([data[begin : begin + size] for begin in range(0, len(data), size)])
    return [(member.entry, b"".join(member.chunks())) for member in tar.read(chunks)]


def write_sparse(path, data):
    """Write with holes, without which GNU tar does not look for any."""
    with path.open("wb") as file:
        for at in range(0, len(data), 4096):
            if data[at : at + 4096].strip(b"\0"):
                file.seek(at)
                file.write(data[at : at + 4096])
        file.truncate(len(data))


@pytest.mark.skipif(shutil.which("tar") is None, reason="needs GNU tar")
@pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)
def test_a_sparse_file_is_read_whole(tmp_path, options):
    for name, data in FILES.items():
        write_sparse(tmp_path / name, data)
    command = ["tar", "--sparse", "--hole-detection=raw", *options, "-c", *FILES]
    packed = subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.PIPE).stdout
    assert len(packed) < sum(map(len, FILES.values())) // 2
    found = members(packed)
    assert [(entry.path.decode(), entry.kind, entry.size) for entry, _ in found] == [
        (name, Kind.FILE, len(data)) for name, data in FILES.items()
    ]
    assert [content for _, content in found] == list(FILES.values())


@pytest.mark.skipif(shutil.which("tar") is None, reason="needs GNU tar")
@pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)
def test_a_sparse_file_that_nobody_reads_is_passed_over(tmp_path, options):
    write_sparse(tmp_path / "a", FILES["many regions"])
    (tmp_path / "b").write_bytes(b"behind")
    command = ["tar", "--sparse", "--hole-detection=raw", *options, "-c", "a", "b"]
    packed = subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.PIPE).stdout
    assert [member.entry.path for member in tar.read(iter([packed]))] == [b"a", b"b"]


def block(typeflag=b"0", size=0, **fields):
    made = bytearray(512)
    values = {0: b"x", 100: b"0000644\0", 124: b"%011o\0" % size, 156: typeflag}
    values |= {257: b"ustar\x0000", **{int(key[1:]): value for key, value in fields.items()}}
    for offset, value in values.items():
        made[offset : offset + len(value)] = value
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made)
    return bytes(made)


def pax(*records):
    body = b""
    for key, value in records:
        length = len(key) + len(value) + 5
        body += b"%d %b=%b\n" % (length, key, value)
    assert all(len(line) < 100 for line in body.splitlines())
    return block(b"x", len(body)) + body + bytes(-len(body) % 512)


SIZE = (b"GNU.sparse.size", b"30")
ONE_ZERO = [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"),
            (b"GNU.sparse.realsize", b"30")]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pax(SIZE, (b"GNU.sparse.map", b"0,9,5,1")) + block(size=10), "makes no sense"),
        (pax(SIZE, (b"GNU.sparse.map", b"25,10")) + block(size=10), "makes no sense"),
        (pax(SIZE, (b"GNU.sparse.map", b"0,9,9")) + block(size=9), "lacks a number"),
        (pax(SIZE, (b"GNU.sparse.map", b"0,-9")) + block(size=9), "the number b'-9'"),
        (pax(SIZE, (b"GNU.sparse.map", b"0,9")) + block(size=8), "does not fit its bytes"),
        (pax((b"GNU.sparse.map", b"00,9")) + block(size=9), "has no size"),
        (pax(*ONE_ZERO) + block(size=512) + b"1\n0\nx\n" + bytes(506), "the number b"),
        (pax(*ONE_ZERO) + block(size=512) + b"9\n0\n1\n", "has no end"),
        (pax(*ONE_ZERO) + block(size=512) + b"9" * 512, "has no end"),
        (pax((b"GNU.sparse.major", b"2"), SIZE) + block(), "version b'2'.b'0' are not supported"),
        (block(b"S", 9, a482=b"\1", a483=b"%011o\0" % 9), "has no end"),
        (block(b"S", 9, a386=b"%011o\0" % 9 * 2, a483=b"%011o\0" % 9), "makes no sense"),
    ],
)
def test_a_map_that_lies_is_refused(data, message):
    with pytest.raises(ArchiveError, match=message):
        members(data)


def test_a_cut_sparse_file_is_noticed():
    data = pax(SIZE, (b"GNU.sparse.map", b"00,9")) + block(size=9) + b"1234"
    with pytest.raises(ArchiveError, match="cut off within b'x'"):
        members(data)


def test_a_hole_of_a_terabyte_takes_no_memory():
    pieces = SparseMap(1 << 40, ()).expand(lambda _size: iter(()))
    first, second = next(pieces), next(pieces)
    assert first is second
    assert len(first) == 1 << 20


@pytest.mark.parametrize(
    "head", [block(b"S", 9, a482=b"\1"), pax(*ONE_ZERO) + block(size=1 << 30)], ids=["old", "1.0"]
)
def test_a_map_without_an_end_is_not_read_for_ever(head):
    more = b"7" * 504 + b"\1" + b"7" * 7
    chunks = (head if n == 0 else more for n in range(3000))
    with pytest.raises(ArchiveError, match="has no end"):
        list(tar.read(chunks))
    assert next(chunks, None) is not None
