"""Which names of a source a COPY takes."""

from __future__ import annotations

import pytest

from pybuild.placement.errors import PlacementError, SourceMissing
from pybuild.placement.select import select
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.index import TreeIndex

FILES = [
    b".hidden", b"a.txt", b"b.txt", b"literal*", b"src/a/main.go", b"src/a/main.py",
    b"src/b/main.py", b"src/main.py",
]  # fmt: skip
LINKS = {
    b"current": b"src/a",
    b"dangling": b"gone",
    b"escape": b"../../a.txt",
    b"loop": b"loop",
    b"src/c": b"b",
}


@pytest.fixture(scope="module")
def source() -> TreeIndex:
    made = TreeIndex()
    for path in FILES:
        made.put(Entry(path, Kind.FILE))
    for path, target in LINKS.items():
        made.put(Entry(path, Kind.SYMLINK, link=target))
    return made


def selected(source, *sources, **options):
    return [(one.path, one.name) for one in select(sources, source, **options)]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a.txt", [(b"a.txt", b"a.txt")]),
        (b"/a.txt", [(b"a.txt", b"a.txt")]),
        ("../../a.txt", [(b"a.txt", b"a.txt")]),
        ("src/", [(b"src", b"src")]),
        (".", [(b"", b"")]),
        ("/", [(b"", b"")]),
        ("?.txt", [(b"a.txt", b"a.txt"), (b"b.txt", b"b.txt")]),
        ("[^a].txt", [(b"b.txt", b"b.txt")]),
        ("*/main.py", [(b"src/main.py", b"main.py")]),
        ("src/*/main.py", [(b"src/a/main.py", b"main.py"), (b"src/b/main.py", b"main.py")]),
        ("src/[ab]", [(b"src/a", b"a"), (b"src/b", b"b")]),
        ("*.none", []),
        ("src/*/*.none", []),
        ("a.txt/*", []),
        ("literal[*]", [(b"literal*", b"literal*")]),
    ],
)
def test_a_source_stands_for_names(source, pattern, found):
    assert selected(source, pattern) == found


def test_wildcards_match_dotfiles_but_do_not_cross_a_slash(source):
    found = [name for _path, name in selected(source, "[.ab]*")]
    assert found == [b".hidden", b"a.txt", b"b.txt"]


@pytest.mark.parametrize(
    ("path", "target", "name"),
    [
        ("current", b"src/a", b"current"),
        ("current/main.py", b"src/a/main.py", b"main.py"),
        ("current/*.go", b"src/a/main.go", b"main.go"),
        ("escape", b"a.txt", b"escape"),
        ("escap?", b"a.txt", b"escape"),
    ],
)
def test_a_named_link_is_followed_inside_the_root_and_keeps_its_name(source, path, target, name):
    assert selected(source, path) == [(target, name)]


def test_sources_stay_in_order(source):
    found = selected(source, "b.txt", "a.txt", "b.txt")
    assert [path for path, _name in found] == [b"b.txt", b"a.txt", b"b.txt"]


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        ("x", "/x"),
        ("./x/../y/", "/y"),
        ("a.txt/x", "/a.txt/x"),
        ("dangling", "/dangling"),
        ("dangl*", "/dangling"),
        ("nowhere/*", "/nowhere"),
    ],
)
def test_a_source_that_is_not_there_is_named(source, path, missing):
    with pytest.raises(SourceMissing) as caught:
        selected(source, "a.txt", path)
    assert caught.value.source == missing
    assert str(caught.value) == f'"{missing}": not found'


def test_without_wildcards_a_star_is_a_star(source):
    assert selected(source, "literal*", wildcards=False) == [(b"literal*", b"literal*")]


def test_a_malformed_pattern_is_an_error(source):
    with pytest.raises(PlacementError) as caught:
        selected(source, "src/[a")
    assert str(caught.value) == "syntax error in pattern: /src/[a"


@pytest.mark.parametrize("path", ["loop", "loop/*"])
def test_a_circle_of_links_is_an_error(source, path):
    with pytest.raises(PlacementError, match="/loop: too many levels of symbolic links"):
        selected(source, path)


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("a.tx", "/a.txt"),
        ("A.TXT", "/a.txt"),
        ("scr/main.py", "/src/main.py"),
        ("src/main.pyy", "/src/main.py"),
        ("current/main.o", "/current/main.go"),
        ("scr/other.py", ""),
        ("something-else", ""),
        ("dangling/x", ""),
    ],
)
def test_a_similar_name_is_proposed_for_one_that_is_not_there(source, path, nearest):
    with pytest.raises(SourceMissing) as caught:
        selected(source, path)
    assert caught.value.nearest == nearest
