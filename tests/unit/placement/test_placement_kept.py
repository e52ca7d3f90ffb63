"""--exclude and --parents: what of a directory is copied."""

from __future__ import annotations

import pytest

from pybuild.dockerfile.ignore import IgnorePatterns
from pybuild.imagepath import ROOT
from pybuild.placement.chmod import parse_chmod
from pybuild.placement.errors import PlacementError, SourceMissing
from pybuild.placement.parents import ParentsSource, select_parents
from pybuild.placement.part import TreePart
from pybuild.placement.place import place
from pybuild.placement.select import select
from pybuild.placement.spec import CopySpec
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.index import TreeIndex

FILES = [
    b"docs/a.md", b"docs/b.txt", b"docs/sub/c.md", b"docs/sub/d.txt", b"docs/deep/er/e.md",
    b"top.md", b"hom.txt", b"home",
]  # fmt: skip
NOW = 1000


@pytest.fixture(scope="module")
def source() -> TreeIndex:
    made = TreeIndex()
    for number, path in enumerate((b"docs", b"docs/sub", b"docs/deep", b"docs/deep/er")):
        made.put(Entry(path, Kind.DIRECTORY, 0o700 + number, uid=7, gid=8, mtime_ns=5))
    for path in FILES:
        made.put(Entry(path, Kind.FILE, mtime_ns=6))
    made.put(Entry(b"link", Kind.SYMLINK, link=b"docs"))
    return made


def tree(*entries):
    made = TreeIndex()
    for entry in entries:
        made.put(entry)
    return made


def copied(parts, to="/to/", base=(), **options):
    spec = CopySpec(to, ROOT, now_ns=NOW, **options)
    return [one.entry for one in place(spec, parts, tree(*base))]


def excluding(source, sources, patterns):
    return [TreePart(source, select(sources, source), (IgnorePatterns.excluding(patterns),))]


def parents(source, *sources, exclude=(), **options):
    parts = []
    for text in sources:
        asked = ParentsSource.parse(text)
        patterns = (
            IgnorePatterns.all_but(asked.pattern.relative.decode()),
            IgnorePatterns.excluding(exclude),
        )
        selected = select_parents(asked, source, patterns)
        parts.append(TreePart(source, selected, patterns, **options))
    return parts


def below_to(entries):
    return " ".join(e.path.removeprefix(b"to/").decode() for e in entries if e.path != b"to")


@pytest.mark.parametrize(
    ("sources", "patterns", "expected"),
    [
        pytest.param(["docs"], ["sub"], "a.md b.txt deep deep/er deep/er/e.md", id="a directory"),
        pytest.param(["docs"], ["./sub/"], "a.md b.txt deep deep/er deep/er/e.md", id="cleaned"),
        pytest.param(
            ["docs"], ["*.md"], "b.txt deep deep/er deep/er/e.md sub sub/c.md sub/d.txt",
            id="a star stays in one directory",
        ),
        pytest.param(
            ["docs"], ["**/*.md"], "b.txt deep deep/er sub sub/d.txt",
            id="two stars go through all; emptied directories stay",
        ),
        pytest.param(
            ["docs"], ["**/*.md", "!**/e.md"], "b.txt deep deep/er deep/er/e.md sub sub/d.txt",
            id="a later pattern takes back in",
        ),
        pytest.param(
            ["docs"], ["sub", "!sub/d.txt"],
            "a.md b.txt deep deep/er deep/er/e.md sub sub/d.txt",
            id="a directory is made for what is taken back in",
        ),
        pytest.param(
            ["docs"], ["/a.md", "/su*"],
            "a.md b.txt deep deep/er deep/er/e.md sub sub/c.md sub/d.txt",
            id="a leading slash matches nothing",
        ),
        pytest.param(["docs"], ["*"], "", id="everything"),
        pytest.param(["."], ["docs", "l*"], "hom.txt home top.md", id="of the root"),
        pytest.param(["top.md"], ["*.md"], "top.md", id="not a file that is named"),
        pytest.param(["hom*"], ["*.txt"], "hom.txt home", id="not what a wildcard matches"),
        pytest.param(
            ["docs/*"], ["*.md"], "a.md b.txt d.txt er er/e.md",
            id="but what is in directories that a wildcard matches",
        ),
    ],
)  # fmt: skip
def test_excluded_names_are_left_out_of_directories(source, sources, patterns, expected):
    assert below_to(copied(excluding(source, sources, patterns))) == expected


@pytest.mark.parametrize(
    ("sources", "exclude", "expected"),
    [
        pytest.param(["top.md"], [], "top.md", id="a file of the root"),
        pytest.param(
            ["docs/sub/c.md"], [], "docs docs/sub docs/sub/c.md", id="directories above it"
        ),
        pytest.param(["/docs/../top.md"], [], "top.md", id="cleaned"),
        pytest.param(["docs/sub/"], [], "docs docs/sub docs/sub/c.md docs/sub/d.txt", id="a tree"),
        pytest.param(
            ["docs/sub/c.md", "top.md"], [], "docs docs/sub docs/sub/c.md top.md", id="two"
        ),
        pytest.param(["./docs/./sub"], [], "sub sub/c.md sub/d.txt", id="a pivot"),
        pytest.param(["docs/s*/./c.md"], [], "c.md", id="a wildcard before the pivot"),
        pytest.param(["hom*/./x*"], [], None, id="a pivot that is a file"),
        pytest.param(["link/./sub"], [], "sub sub/c.md sub/d.txt", id="a pivot behind a link"),
        pytest.param(["doc[s]/**/c.md"], [], "docs docs/sub docs/sub/c.md", id="two stars"),
        pytest.param(["**/*.md"], ["docs/deep"], "docs docs/a.md docs/sub docs/sub/c.md top.md",
                     id="all of a kind but an excluded directory"),
        pytest.param(["docs"], ["**/*.md"],
                     "docs docs/b.txt docs/deep docs/deep/er docs/sub docs/sub/d.txt",
                     id="exclusions start where the pattern does"),
        pytest.param(["nothing*"], [], None, id="a wildcard may match nothing"),
    ],
)  # fmt: skip
def test_parents_are_copied_along(source, sources, exclude, expected):
    entries = copied(parents(source, *sources, exclude=exclude))
    assert below_to(entries) == (expected or "")


def test_directories_on_the_way_are_like_those_of_the_source(source):
    entries = copied(parents(source, "docs/sub/c.md", keep_owner=True))
    docs = Entry(b"to/docs", Kind.DIRECTORY, 0o700, uid=7, gid=8, mtime_ns=5)
    assert entries[1] == docs


def test_owner_and_mode_that_are_asked_for_are_given_to_directories_on_the_way(source):
    chmod = parse_chmod("g+s")
    entries = copied(parents(source, "docs/sub/c.md"), owner=(3, 4), chmod=chmod)
    assert {(e.uid, e.gid) for e in entries} == {(3, 4)}
    assert [e.mode for e in entries] == [0o755, 0o2700, 0o2701, 0o2644]


def test_a_directory_that_is_there_takes_the_mode_alone(source):
    there = Entry(b"to/docs", Kind.DIRECTORY, 0o777, uid=5, mtime_ns=9)
    entries = copied(parents(source, "docs/a.md"), base=[there])
    assert {e.path: (e.mode, e.uid, e.mtime_ns) for e in entries}[b"to/docs"] == (0o700, 5, 9)


def test_a_directory_that_is_there_and_alike_is_not_in_the_layer(source):
    there = Entry(b"to/docs", Kind.DIRECTORY, 0o700, uid=5, mtime_ns=9)
    entries = copied(parents(source, "docs/a.md"), base=[there])
    assert [e.path for e in entries] == [b"to", b"to/docs/a.md"]


def test_a_file_in_the_place_of_a_directory_on_the_way_is_an_error(source):
    with pytest.raises(PlacementError, match="cannot copy to non-directory: /to/docs"):
        copied(parents(source, "docs/a.md"), base=[Entry(b"to/docs", Kind.FILE)])


@pytest.mark.parametrize(
    ("text", "exclude", "missing"),
    [
        ("nope/a", [], "/nope/a"),
        ("docs/./nope", [], "/docs/nope"),
        ("docs/a.md/./x", [], "/docs/a.md/x"),
        ("link/a.md", [], "/link/a.md"),
        ("docs/a.md", ["**"], "/docs/a.md"),
        (".", [], "/"),
        ("docs/./", [], "/docs"),
        ("nope/./*", [], "/nope"),
    ],
)
def test_a_source_without_wildcards_must_be_there(source, text, exclude, missing):
    with pytest.raises(SourceMissing) as caught:
        parents(source, text, exclude=exclude)
    assert caught.value.source == missing
