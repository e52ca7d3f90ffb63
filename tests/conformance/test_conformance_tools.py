"""What the conformance suite itself reads: case files, layers over layers, differences."""

import io
import tarfile

import pytest

from conformance import golden
from conformance.case_file import TIME, parse
from conformance.image_tree import lay_over

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
    case.write(tmp_path / "context")
    folder = tmp_path / "context" / "d"

    assert (case.rule, case.flags_for("/c")) == ("a rule", ["--target", "one", "--file", "/c/x"])
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
