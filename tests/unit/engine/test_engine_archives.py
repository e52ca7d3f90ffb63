"""ADD's archives: their bytes by number in a private directory, whatever their names are."""

import bz2
import gzip
import io
import lzma
import tarfile

import pytest

from pybuild.archive.zstd import ZstdCompressor
from pybuild.engine import archives
from pybuild.errors import DockerfileError, StateError
from pybuild.tree.entry import Kind


def tar(*names, **fields):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            for field, value in fields.items():
                setattr(info, field, value)
            data = name.encode() if info.isreg() else b""
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zstd(data):
    compressor = ZstdCompressor()
    return compressor.compress(data) + compressor.flush()


@pytest.fixture
def unpack(tmp_path):
    into = tmp_path / "into"
    into.mkdir()

    def run(data):
        (tmp_path / "a.tar").write_bytes(data)
        found = list(archives.members(tmp_path / "a.tar", into, "a.tar"))
        return [(one.entry.path, (into / one.source.decode())) for one in found]

    return run


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd])
def test_archives_of_every_compression_are_read(unpack, compress):
    found = unpack(compress(tar("a", "d/b")))
    assert [(path, place.read_bytes()) for path, place in found] == [(b"a", b"a"), (b"d/b", b"d/b")]


def test_names_of_an_archive_are_no_names_here(unpack, tmp_path):
    unpack(tar("/etc/x", "d/x", "d/x"))
    assert sorted(place.name for place in (tmp_path / "into").iterdir()) == ["0", "1", "2"]


def test_only_files_have_bytes(unpack, tmp_path):
    unpack(tar("l", "m", type=tarfile.SYMTYPE, linkname="/etc/passwd"))
    assert list((tmp_path / "into").iterdir()) == []


def test_members_are_given_one_by_one(tmp_path):
    (tmp_path / "a.tar").write_bytes(tar("a", "b"))
    (tmp_path / "into").mkdir()
    first = next(archives.members(tmp_path / "a.tar", tmp_path / "into", "a.tar"))
    assert (first.entry.path, first.entry.kind) == (b"a", Kind.FILE)
    assert [place.name for place in (tmp_path / "into").iterdir()] == ["0"]


def test_a_sparse_file_has_its_zeros(unpack):
    with io.BytesIO() as buffer:
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            info = tarfile.TarInfo("s")
            info.pax_headers = {
                "GNU.sparse.map": "0,1,9,1", "GNU.sparse.size": "10", "GNU.sparse.name": "s",
            }  # fmt: skip
            info.size = 2
            archive.addfile(info, io.BytesIO(b"xy"))
        ((_, place),) = unpack(buffer.getvalue())
    assert place.read_bytes() == b"x" + bytes(8) + b"y"


@pytest.mark.parametrize(
    ("limit", "data", "message"),
    [
        ("MAX_MEMBERS", tar("a", "b"), "more than 1 names"),
        ("MAX_BYTES", tar("aa"), "or 1 bytes"),
    ],
)
def test_a_bomb_is_refused(unpack, monkeypatch, limit, data, message):
    monkeypatch.setattr(archives, limit, 1)
    with pytest.raises(DockerfileError, match=message):
        unpack(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (gzip.compress(tar("a"))[:-30], "cannot unpack a.tar: the gzip stream is cut off"),
        (tar("aa")[:513], "cannot unpack a.tar: the tar is cut off within b'aa'"),
        (tar("../x"), r"cannot unpack a.tar: the name b'../x' climbs out of its directory"),
        (tar("h", type=tarfile.LNKTYPE, linkname="../x"), "climbs out"),
    ],
)
def test_what_is_wrong_with_an_archive_is_said(unpack, data, message):
    with pytest.raises(DockerfileError, match=message) as caught:
        unpack(data)
    assert "--unpack=false" in caught.value.hint


def test_a_full_disk_is_no_fault_of_the_archive(tmp_path):
    (tmp_path / "a.tar").write_bytes(tar("a"))
    with pytest.raises(StateError, match=r"cannot unpack .*: No such file or directory"):
        list(archives.members(tmp_path / "a.tar", tmp_path / "gone", "a.tar"))
