"""What the conformance suite itself reads: case files, layers over layers, differences."""

import io
import subprocess
import tarfile
import urllib.error
import urllib.request

import pytest
from backports import zstd

from conformance import archive_text, golden
from conformance.case_file import TIME, parse
from conformance.image_tree import lay_over
from conformance.places import Places
from conformance.sections import Section
from conformance.servers import serving

TEXT = """\
# rule: a rule
FROM scratch
-- $ --target one --file {context}/x --
-- d/ 0700 --
-- d/file 0640 --
text
-- d/link -> file --
-- d/twin = d/file --
-- "with blank" crlf --
a
-- pipe fifo --
"""


def test_a_case_file_becomes_a_context(tmp_path):
    case = parse("name", TEXT)
    case.write(tmp_path / "context", Places())
    folder = tmp_path / "context" / "d"

    assert (case.rule, case.flags_for("/c", Places())) == (
        "a rule",
        ["--target", "one", "--file", "/c/x"],
    )
    assert folder.with_name("Dockerfile").read_text() == "# rule: a rule\nFROM scratch\n"
    assert (folder / "file").read_text() == "text\n"
    assert (folder / "twin").stat().st_nlink == 2
    assert (folder / "link").readlink().name == "file"
    assert folder.with_name("with blank").read_bytes() == b"a\r\n"
    assert folder.with_name("pipe").is_fifo()
    modes = [path.stat().st_mode & 0o7777 for path in (folder, folder / "file")]
    assert modes == [0o700, 0o640]
    assert folder.lstat().st_mtime == (folder / "link").lstat().st_mtime == TIME


def test_a_dockerfile_of_its_own_section_is_written_as_it_says():
    case = parse("name", "-- Dockerfile crlf bom --\n# rule: r\nFROM a\n")
    assert case.dockerfile == b"\xef\xbb\xbf# rule: r\r\nFROM a\r\n"


EVERYTHING = """\
# rule: r
# oracle: dockerfile 1.20
FROM {registry}/a
ADD {http}/f /
-- $ A=b B= --secret id=x,env=A --label C=d --
-- http:f status=302 "Location: other/f" authorization=token --
moved to {http}
-- git:one.git/f at=v1 --
1
-- git:one.git/g --
2
-- socket socket --
-- bytes hex --
00 ff
"""


def test_variables_before_the_flags_are_the_builder_s():
    case = parse("n", EVERYTHING)
    assert case.env == (("A", "b"), ("B", ""))
    assert case.flags == ("--secret", "id=x,env=A", "--label", "C=d")
    assert (case.frontend, case.by_hand) == ("1.20", False)
    assert parse("n", "# rule: r\n# oracle: by hand\nFROM a\n").by_hand


def test_places_have_names_in_case_files_and_goldens(tmp_path):
    places = Places(http="http://h:1", git="http://g:2", registry="r:3")
    case = parse("folder/n", EVERYTHING)
    case.write(tmp_path / "c", places)
    assert b"FROM r:3/a\nADD http://h:1/folder/n/f /\n" in (tmp_path / "c/Dockerfile").read_bytes()
    assert places.hide({"a": ["http://g:2/folder/n/x"]}, case.name) == {"a": ["{git}/x"]}


def test_sections_hold_bytes_and_sockets(tmp_path):
    parse("n", EVERYTHING).write(tmp_path / "c", Places())
    assert (tmp_path / "c/bytes").read_bytes() == b"\x00\xff"
    assert (tmp_path / "c/socket").is_socket()


def test_servers_answer_as_sections_say(tmp_path):
    with serving([parse("n", EVERYTHING)], tmp_path) as places:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{places.http}/n/f")
        with refused.value:
            assert refused.value.code == 401
        urllib.request.urlcleanup()
        listed = subprocess.run(
            ["git", "ls-remote", f"{places.git}/n/one.git"], capture_output=True, check=True
        )
    names = [line.split(b"\t")[1] for line in listed.stdout.splitlines()]
    assert names == [b"HEAD", b"refs/heads/main", b"refs/tags/v1"]


@pytest.mark.parametrize("compression", archive_text.COMPRESSIONS)
def test_an_archive_holds_the_entries_of_its_text(compression):
    text = "d/ 0700 1:2\nd/f 0640 3:4 two words\nd/l -> f\nd/h = d/f\n"
    data = Section(f"a tar={compression}", text).content()
    if compression == "zst":
        data = zstd.decompress(data)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        found = {one.name: one for one in tar}
        assert tar.extractfile("d/f").read() == b"two words"
    assert (found["d"].mode, found["d"].uid, found["d"].gid) == (0o700, 1, 2)
    assert (found["d/f"].mode, found["d/h"].uid, found["d/h"].linkname) == (0o640, 3, "d/f")
    assert (found["d/l"].linkname, found["d/l"].mtime) == ("f", archive_text.TIME)


def layer(*members):
    """An archive of (name, type, link) entries."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind, link in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, link
            archive.addfile(member)
    buffer.seek(0)
    return tarfile.open(fileobj=buffer)


def file(name):
    return (name, tarfile.REGTYPE, "")


def directory(name):
    return (name, tarfile.DIRTYPE, "")


LOWER = (directory("d"), file("d/f"), directory("d/s"), file("d/s/g"), file("other"))


@pytest.mark.parametrize(
    ("upper", "left"),
    [
        ([file("d/.wh.f")], ["/d", "/d/s", "/d/s/g", "/other"]),
        ([file("d/.wh.s")], ["/d", "/d/f", "/other"]),
        ([file(".wh.d")], ["/other"]),
        ([file("d/new"), file("d/.wh..wh..opq")], ["/d", "/d/new", "/other"]),
        ([file("d")], ["/d", "/other"]),
        ([directory("d")], ["/d", "/d/f", "/d/s", "/d/s/g", "/other"]),
    ],
)
def test_a_layer_changes_what_is_below_it(upper, left):
    tree = {}
    lay_over(tree, layer(*LOWER))
    lay_over(tree, layer(*upper))
    assert sorted(tree) == left


def test_names_of_one_file_are_known():
    tree = {}
    lay_over(tree, layer(file("one"), ("two", tarfile.LNKTYPE, "one")))
    assert tree["/one"].names == {"/one", "/two"}

    lay_over(tree, layer(file("one")))
    assert (tree["/one"].names, tree["/two"].names) == ({"/one"}, {"/two"})


def test_differences_name_their_places():
    found = golden.differences({"a": {"b": 1}, "l": [1, 2]}, {"a": {"c": 1}, "l": [1, 3]})
    assert list(found) == [
        '[a][b]: BuildKit 1, ours "-"',
        '[a][c]: BuildKit "-", ours 1',
        "[l][1]: BuildKit 2, ours 3",
    ]
