"""Archives as contexts: what they become, and what they must not do."""

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
from pathlib import Path

import pytest

from pybuild.archive.zstd import ZstdCompressor
from pybuild.context.dockerfile import read_dockerfile
from pybuild.context.extract import Limits, extract
from pybuild.context.tar import StandardInput, TarFile
from pybuild.errors import ContextError
from pybuild.tree.entry import Entry, Kind

FILE, DIR, LINK, HARD, FIFO, CHR = (
    tarfile.REGTYPE,
    tarfile.DIRTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.FIFOTYPE,
    tarfile.CHRTYPE,
)


def tar(*members: tuple[str, bytes, object]) -> bytes:
    """A tar of (name, type, bytes or link target or None)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.mtime, info.mode = kind, 1_500_000_000, 0o755 if kind == DIR else 0o640
            if kind == FILE:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                info.linkname = content or ""
                archive.addfile(info)
    return out.getvalue()


PLAIN = tar(
    ("Dockerfile", FILE, b"FROM scratch\n"),
    ("src", DIR, None),
    ("src/main.c", FILE, b"int main;\n"),
    ("src/link", LINK, "../../../../etc/pki/java/cacerts"),
    ("src/.wh.kept", FILE, b"not a whiteout"),
    ("twin", HARD, "src/main.c"),
    ("pipe", FIFO, None),
    ("deep/er/file", FILE, b"x"),
)


def fetch(tmp_path: Path, data: bytes, sub_path: str = ""):
    into = tmp_path / "into"
    into.mkdir()
    return StandardInput(io.BytesIO(data), sub_path).fetch(into)


def zstd(data: bytes) -> bytes:
    compressor = ZstdCompressor()
    return compressor.compress(data) + compressor.flush()


@pytest.mark.parametrize(
    "compress",
    [bytes, gzip.compress, bz2.compress, lzma.compress, zstd],
    ids=["none", "gzip", "bzip2", "xz", "zstd"],
)
def test_every_compression_gives_the_same_tree(tmp_path, compress):
    context = fetch(tmp_path, compress(PLAIN))

    assert context.owned
    root = context.directory
    assert (root / "src/main.c").read_bytes() == b"int main;\n"
    assert (root / "src/main.c").stat().st_mtime == 1_500_000_000
    assert stat.S_IMODE((root / "src/main.c").stat().st_mode) == 0o640
    assert (root / "twin").stat().st_ino == (root / "src/main.c").stat().st_ino
    assert (root / "src/link").readlink() == Path("../../../../etc/pki/java/cacerts")
    assert (root / "src/.wh.kept").read_bytes() == b"not a whiteout"
    assert stat.S_ISFIFO((root / "pipe").stat().st_mode)
    assert (root / "src").stat().st_mtime == 1_500_000_000
    assert (root / "deep/er/file").read_bytes() == b"x"


def test_a_tar_file_is_read_from_its_path(tmp_path):
    archive = tmp_path / "c.tgz"
    archive.write_bytes(gzip.compress(PLAIN))
    into = tmp_path / "into"
    into.mkdir()

    assert (TarFile(archive).fetch(into).directory / "Dockerfile").exists()


def test_a_tar_file_that_is_not_there(tmp_path):
    with pytest.raises(ContextError) as failed:
        TarFile(tmp_path / "c.tgz").fetch(tmp_path)

    assert failed.value.message == (
        f"cannot read the context {tmp_path / 'c.tgz'}: No such file or directory"
    )


def test_the_sub_path_becomes_the_context(tmp_path):
    assert fetch(tmp_path, PLAIN, "deep/er").directory == tmp_path / "into/tree/deep/er"


@pytest.mark.parametrize(
    ("sub_path", "message"),
    [
        ("none", "the context has no directory none"),
        ("Dockerfile", "the context has no directory Dockerfile"),
        ("out", "out leads out of the context"),
        ("../..", "../.. leads out of the context"),
        ("loop", "cannot read "),
    ],
)
def test_a_sub_path_stays_inside(tmp_path, sub_path, message):
    archive = tar(
        ("Dockerfile", FILE, b""), ("out", LINK, "/etc"), ("loop", LINK, "loop"), ("d", DIR, None)
    )
    with pytest.raises(ContextError) as refused:
        fetch(tmp_path, archive, sub_path)

    assert refused.value.message.startswith(message)


def test_the_last_of_two_members_of_a_name_counts(tmp_path):
    archive = tar(
        ("a", FILE, b"1"),
        ("a", LINK, "/etc/passwd"),
        ("a", FILE, b"2"),
        ("d", LINK, "/etc"),
        ("d", DIR, None),
        ("d/x", FILE, b"x"),
        ("e", DIR, None),
        ("e", FILE, b"e"),
    )
    root = fetch(tmp_path, archive).directory

    assert (root / "a").read_bytes() == b"2"
    assert (root / "d/x").read_bytes() == b"x"
    assert (root / "e").read_bytes() == b"e"
    assert not (root / "d").is_symlink()


def test_a_directory_that_nobody_could_enter_can_be_entered(tmp_path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("closed")
        info.type, info.mode = DIR, 0
        archive.addfile(info)
        archive.addfile(tarfile.TarInfo("closed/file"))
    root = fetch(tmp_path, out.getvalue()).directory

    assert stat.S_IMODE((root / "closed").stat().st_mode) == 0o700


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize(
    "members",
    [
        [("../x", FILE, b"x")],
        [("a/../../x", FILE, b"x")],
        [("link", LINK, "OUTSIDE"), ("link/x", FILE, b"x")],
        [("link", LINK, "../outside"), ("link/x", FILE, b"x")],
        [("a", LINK, "b"), ("b", LINK, "OUTSIDE"), ("a/x", FILE, b"x")],
        [("a", DIR, None), ("a/link", LINK, "OUTSIDE"), ("a/link/b/x", FILE, b"x")],
        [("link", LINK, "OUTSIDE"), ("link/sub", DIR, None)],
        [("link", LINK, "OUTSIDE"), ("link/x", LINK, "y")],
        [("link", LINK, "OUTSIDE"), ("hard", HARD, "link/victim"), ("hard", FILE, b"x")],
        [("hard", HARD, "../outside/victim")],
        [("hard", HARD, "missing")],
        [(".", LINK, "OUTSIDE"), ("x", FILE, b"x")],
        [(".", FILE, b"x")],
        [("device", CHR, None)],
        [("a", FILE, b""), ("a/b", FILE, b"")],
        [("d", DIR, None), ("d/x", FILE, b""), ("d", FILE, b"")],
    ],
)
def test_hostile_archives_are_refused_and_write_nothing_outside(tmp_path, members):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_bytes(b"safe")
    named = [
        (name, kind, str(outside) if content == "OUTSIDE" else content)
        for name, kind, content in members
    ]
    with pytest.raises(ContextError):
        fetch(tmp_path, tar(*named))

    assert names(outside) == ["victim"]
    assert (outside / "victim").read_bytes() == b"safe"
    assert (outside / "victim").stat().st_nlink == 1
    assert names(tmp_path) == ["into", "outside"]


def test_a_hard_link_to_a_symlink_links_the_symlink_itself(tmp_path):
    outside = tmp_path / "victim"
    outside.write_bytes(b"safe")
    archive = tar(("link", LINK, str(outside)), ("hard", HARD, "link"), ("hard", FILE, b"evil"))

    root = fetch(tmp_path, archive).directory

    assert outside.read_bytes() == b"safe"
    assert (root / "hard").read_bytes() == b"evil"


def test_a_hard_link_to_a_symlink_takes_nothing_in_from_outside(tmp_path):
    outside = tmp_path / "victim"
    outside.write_bytes(b"s3cr3t")
    archive = tar(("link", LINK, str(outside)), ("hard", HARD, "link"))

    root = fetch(tmp_path, archive).directory

    assert (root / "hard").is_symlink()
    assert outside.stat().st_nlink == 1


def test_modes_do_not_depend_on_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        root = fetch(tmp_path, PLAIN).directory
    finally:
        os.umask(before)

    modes = {name: stat.S_IMODE((root / name).lstat().st_mode) for name in ("deep", "src", "pipe")}
    assert stat.S_IMODE(root.stat().st_mode) == 0o755
    assert modes == {"deep": 0o755, "src": 0o755, "pipe": 0o640}


def test_an_absolute_name_lands_below_the_root(tmp_path):
    assert (fetch(tmp_path, tar(("/x", FILE, b"x"))).directory / "x").read_bytes() == b"x"


class _Member:
    def __init__(self, entry, data=b""):
        self.entry, self._data = entry, data

    def chunks(self):
        return iter((self._data,))


@pytest.mark.parametrize("path", [b"../x", b"a/../x", b"a//x"])
def test_paths_are_checked_even_if_the_reader_let_them_pass(tmp_path, path):
    with pytest.raises(ContextError, match="leads out of the context"):
        extract([_Member(Entry(path, Kind.FILE))], tmp_path)


@pytest.mark.parametrize("kind", [Kind.WHITEOUT, Kind.OPAQUE, Kind.BLOCK_DEVICE])
def test_what_a_context_cannot_hold(tmp_path, kind):
    with pytest.raises(ContextError) as refused:
        extract([_Member(Entry(b"x", kind))], tmp_path)

    assert refused.value.message == (
        f"cannot unpack 'x' of the context's archive: a context cannot hold a {kind.value}"
    )


@pytest.mark.parametrize("limits", [Limits(members=2), Limits(size_bytes=5)])
def test_archives_without_end_are_stopped(tmp_path, limits):
    members = (_Member(Entry(b"%d" % n, Kind.FILE, size=3), b"abc") for n in range(10**9))

    with pytest.raises(ContextError, match="the archive holds more than"):
        extract(members, tmp_path, limits)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the context is standard input, and nothing came"),
        (gzip.compress(PLAIN)[:-20], "cannot unpack the context standard input: "),
        (gzip.compress(b"FROM scratch\n" * 100), "cannot unpack the context standard input: "),
        (PLAIN[:1500], "cannot unpack the context standard input: "),
        (b"\x7fELF\0\0" * 200, "cannot unpack the context standard input: "),
    ],
)
def test_standard_input_that_is_no_archive(tmp_path, data, message):
    with pytest.raises(ContextError) as failed:
        fetch(tmp_path, data)

    assert failed.value.message.startswith(message)
    assert failed.value.hint


@pytest.mark.parametrize("text", ["FROM scratch\nCOPY . /\n", "# ä" * 600])
def test_a_text_on_standard_input_is_a_dockerfile_without_files(tmp_path, text):
    context = fetch(tmp_path, text.encode())

    assert list(context.directory.iterdir()) == []
    assert read_dockerfile(context, "", tmp_path).text == text


def test_a_dockerfile_instead_of_files_cannot_have_another_one_beside_it(tmp_path):
    context = fetch(tmp_path, b"FROM scratch\n")
    with pytest.raises(ContextError) as refused:
        read_dockerfile(context, "docker/Dockerfile", tmp_path)

    assert refused.value.message == (
        "there are two Dockerfiles: the context is one, and docker/Dockerfile is given too"
    )


def test_an_archive_that_arrives_byte_by_byte_is_still_told_from_a_text(tmp_path):
    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 7))

    (tmp_path / "into").mkdir()
    context = StandardInput(Slow(PLAIN)).fetch(tmp_path / "into")

    assert (context.directory / "Dockerfile").exists()


def test_a_terminal_is_not_read(tmp_path):
    class Terminal(io.BytesIO):
        def isatty(self):
            return True

    with pytest.raises(ContextError, match="standard input, which is a terminal"):
        StandardInput(Terminal(b"")).fetch(tmp_path)
