"""COPY's rules: where files go, and whose they are."""

from __future__ import annotations

import pytest

from pybuild.imagepath import ImagePath
from pybuild.placement.chmod import parse_chmod
from pybuild.placement.errors import PlacementError, SourceMissing
from pybuild.placement.part import TreePart
from pybuild.placement.place import Placed, place
from pybuild.placement.select import select
from pybuild.placement.spec import CopySpec
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.index import TreeIndex

NOW = 1000
OWNED = {"uid": 7, "gid": 8}


def tree(*entries: Entry) -> TreeIndex:
    made = TreeIndex()
    for entry in entries:
        made.put(entry)
    return made


def directory(path: bytes, mode: int = 0o755, **more: object) -> Entry:
    return Entry(path, Kind.DIRECTORY, mode=mode, **more)


def file(path: bytes, mode: int = 0o644, **more: object) -> Entry:
    return Entry(path, Kind.FILE, mode=mode, **more)


def link(path: bytes, to: bytes, **more: object) -> Entry:
    return Entry(path, Kind.SYMLINK, mode=0o777, link=to, **more)


SOURCE = tree(
    file(b"f", 0o750, mtime_ns=11, size=3, digest=b"\5" * 32, **OWNED),
    file(b"g", mtime_ns=12, **OWNED),
    directory(b"d", 0o711, mtime_ns=13, **OWNED),
    file(b"d/x", 0o600, mtime_ns=14, **OWNED),
    directory(b"d/sub", 0o2770, mtime_ns=15, **OWNED),
    link(b"d/sub/l", b"../x", mtime_ns=16, **OWNED),
    directory(b"empty", 0o700, mtime_ns=17),
    link(b"to-f", b"f"),
)


def copy_of(source, *sources, to, base=(), workdir=b"", keep_owner=False, chmod="", **options):
    part = TreePart(source, select(sources, source), keep_owner=keep_owner)
    mode = parse_chmod(chmod) if chmod else None
    spec = CopySpec(to, ImagePath(workdir), now_ns=NOW, chmod=mode, **options)
    return tuple(place(spec, [part], tree(*base)))


def copy(*sources, to, **options):
    return copy_of(SOURCE, *sources, to=to, **options)


def placed_paths(*sources, to, base=(), **options):
    return [(p.entry.path, p.source) for p in copy(*sources, to=to, base=base, **options)]


@pytest.mark.parametrize(
    ("sources", "to", "base", "expected"),
    [
        pytest.param(["f"], "/n", [], [(b"n", b"f")], id="a file gets the destination's name"),
        pytest.param(
            ["f"], "/n/", [], [(b"n", None), (b"n/f", b"f")], id="a slash makes a directory"
        ),
        pytest.param(["f"], "/n/.", [], [(b"n", None), (b"n/f", b"f")], id="so does a dot"),
        pytest.param(
            ["f"], "/n", [directory(b"n")], [(b"n/f", b"f")], id="a file goes into a directory"
        ),
        pytest.param(["f"], "/", [], [(b"f", b"f")], id="the root is a directory"),
        pytest.param(["to-f"], "/n/", [], [(b"n", None), (b"n/to-f", b"f")], id="a link's name"),
        pytest.param(["f"], "/n", [file(b"n")], [(b"n", b"f")], id="a file replaces a file"),
        pytest.param(
            ["f"], "/d", [directory(b"d"), link(b"d/f", b"../g")], [(b"d/f", b"f")],
            id="a link inside the destination is replaced",
        ),
        pytest.param(
            ["f"], "/l", [link(b"l", b"t/f")], [(b"t", None), (b"t/f", b"f")],
            id="a link that is the destination is followed",
        ),
        pytest.param(
            ["f"], "/lib/x/", [directory(b"usr/lib"), link(b"lib", b"usr/lib")],
            [(b"usr/lib/x", None), (b"usr/lib/x/f", b"f")],
            id="links on the way are followed",
        ),
        pytest.param(
            ["d"], "/n", [],
            [(b"n", b"d"), (b"n/sub", b"d/sub"), (b"n/sub/l", b"d/sub/l"), (b"n/x", b"d/x")],
            id="of a directory the contents are copied",
        ),
        pytest.param(
            ["d"], "/n", [directory(b"n"), file(b"n/old")],
            [(b"n", b"d"), (b"n/sub", b"d/sub"), (b"n/sub/l", b"d/sub/l"), (b"n/x", b"d/x")],
            id="also into a directory that is there",
        ),
        pytest.param(["empty"], "/n", [], [(b"n", b"empty")], id="an empty directory is made"),
        pytest.param(["empty"], "/", [], [], id="the root is never in a layer"),
        pytest.param(
            ["f", "g"], "/n/", [], [(b"n", None), (b"n/f", b"f"), (b"n/g", b"g")],
            id="two files go into one directory",
        ),
        pytest.param(["f", "g"], "/n", [], [(b"n", b"g")], id="the last of two files wins"),
        pytest.param(
            ["empty", "f"], "/n", [], [(b"n", b"empty"), (b"n/f", b"f")],
            id="the second source sees the directory that the first one made",
        ),
        pytest.param(["*.none"], "/a/b/", [], [], id="no match, no parents"),
        pytest.param(
            ["f"], "rel/n", [directory(b"work")], [(b"work/rel", None), (b"work/rel/n", b"f")],
            id="a relative destination starts at the working directory",
        ),
    ],
)  # fmt: skip
def test_everything_goes_where_docker_puts_it(sources, to, base, expected):
    assert placed_paths(*sources, to=to, base=base, workdir=b"work") == expected


def test_files_of_the_context_are_roots_and_keep_mode_and_time():
    (placed,) = copy("f", to="/n")
    assert placed.entry == file(b"n", 0o750, mtime_ns=11, size=3, digest=b"\5" * 32)


def test_files_of_a_stage_keep_their_owner_but_parents_do_not():
    parent, placed = copy("f", to="/p/n", keep_owner=True)
    assert (placed.entry.uid, placed.entry.gid) == (7, 8)
    assert parent.entry == directory(b"p", mtime_ns=NOW)


def test_an_owner_is_given_to_everything_placed():
    entries = [p.entry for p in copy("d", "f", to="/p/q/", owner=(3, 4), keep_owner=True)]
    assert {(e.uid, e.gid) for e in entries} == {(3, 4)}
    assert entries[0].path == b"p"


def test_a_mode_is_given_to_files_directories_and_parents_but_not_to_links():
    modes = {p.entry.path: p.entry.mode for p in copy("d", to="/p/n", chmod="4750")}
    assert modes == {
        b"p": 0o750,
        b"p/n": 0o750,
        b"p/n/sub": 0o4750,
        b"p/n/sub/l": 0o777,
        b"p/n/x": 0o4750,
    }


def test_a_new_destination_is_0755_with_the_time_of_the_source():
    top = copy("d", to="/n", keep_owner=True)[0].entry
    assert top == directory(b"n", 0o755, mtime_ns=13)


def test_the_destination_keeps_mode_and_owner_and_takes_the_time():
    base = [directory(b"n", 0o1777, uid=5, gid=6, mtime_ns=1, xattrs=((b"user.a", b"b"),))]
    top = copy("d", to="/n", base=base, keep_owner=True)[0].entry
    assert top == directory(b"n", 0o1777, uid=5, gid=6, mtime_ns=13, xattrs=((b"user.a", b"b"),))


@pytest.mark.parametrize(("keep_owner", "owner"), [(True, (7, 8)), (False, (0, 0))])
def test_directories_in_the_destination_become_like_the_sources(keep_owner, owner):
    base = [directory(b"n/sub", 0o700, uid=5, gid=6, xattrs=((b"user.old", b"1"),))]
    nested = copy("d", to="/n", base=base, keep_owner=keep_owner)[1].entry
    assert nested.path == b"n/sub"
    assert nested.mode == 0o2770
    assert (nested.uid, nested.gid) == owner
    assert nested.mtime_ns == 15
    assert nested.xattrs == ((b"user.old", b"1"),)


def test_links_in_a_directory_stay_as_they_are():
    placed = {p.entry.path: p.entry for p in copy("d", to="/n", keep_owner=True)}
    assert placed[b"n/sub/l"] == link(b"n/sub/l", b"../x", mtime_ns=16, **OWNED)


def test_no_time_is_later_than_the_limit():
    times = {p.entry.path: p.entry.mtime_ns for p in copy("d", to="/p/n", mtime_limit_ns=14)}
    assert times == {b"p": 14, b"p/n": 13, b"p/n/sub": 14, b"p/n/sub/l": 14, b"p/n/x": 14}


def test_parents_that_are_there_are_not_in_the_layer():
    base = [directory(b"a/b", uid=5)]
    assert placed_paths("f", to="/a/b/c/n", base=base) == [(b"a/b/c", None), (b"a/b/c/n", b"f")]


@pytest.mark.parametrize(
    ("sources", "to", "base", "message"),
    [
        (["d"], "/n", [file(b"n")], "cannot copy to non-directory: /n"),
        (["d"], "/n", [file(b"n/sub")], "cannot copy to non-directory: /n/sub"),
        (["d"], "/n", [link(b"n/sub", b"/")], "cannot copy to non-directory: /n/sub"),
        (["f", "d"], "/n", [], "cannot copy to non-directory: /n"),
        (["f"], "/n", [directory(b"n/f")], "cannot replace to directory /n/f with file"),
        (["d"], "/n", [directory(b"n/x")], "cannot replace to directory /n/x with file"),
        (["f"], "/n/", [file(b"n")], "mkdir /n: not a directory"),
        (["f"], "/n/a/b", [file(b"n")], "mkdir /n: not a directory"),
        (["f"], "/n/x", [link(b"n", b"n")], "/n: too many levels of symbolic links"),
    ],
)
def test_what_cannot_be_placed_is_said_as_buildkit_says_it(sources, to, base, message):
    with pytest.raises(PlacementError) as caught:
        copy(*sources, to=to, base=base)
    assert str(caught.value) == message


def test_a_missing_source_is_named():
    with pytest.raises(SourceMissing, match='"/x": not found'):
        copy("x", to="/n")


def test_devices_and_fifos_are_copied():
    source = tree(Entry(b"d/null", Kind.CHARACTER_DEVICE, device=(1, 3)), Entry(b"d/p", Kind.FIFO))
    kinds = [(p.entry.kind, p.entry.device) for p in copy_of(source, "d", to="/n")[1:]]
    assert kinds == [(Kind.CHARACTER_DEVICE, (1, 3)), (Kind.FIFO, (0, 0))]


TWICE = {"size": 3, "digest": b"\5" * 32, "xattrs": ((b"user.a", b"b"),), "file_id": 1}
LINKED = tree(
    directory(b"d"),
    file(b"d/z", 0o750, **TWICE),
    file(b"d/sub/a", 0o750, **TWICE),
    file(b"d/sub/b", 0o750, **TWICE),
    file(b"d/other", file_id=2),
    link(b"d/s", b"z", file_id=3),
    link(b"d/t", b"z", file_id=3),
    file(b"e/z", 0o750, **TWICE),
)


def shape(*sources, to):
    return {
        p.entry.path: (p.entry.kind, p.entry.link)
        for p in copy_of(LINKED, *sources, to=to)
        if p.entry.kind is not Kind.DIRECTORY
    }


def test_names_of_one_file_stay_names_of_one_file():
    found = copy_of(LINKED, "d", to="/n", chmod="700", owner=(3, 4))
    placed = {p.entry.path: p for p in found}
    first = placed[b"n/sub/a"].entry
    assert first == file(b"n/sub/a", 0o700, uid=3, gid=4, **{**TWICE, "file_id": 0})
    for path, source in [(b"n/sub/b", b"d/sub/b"), (b"n/z", b"d/z")]:
        again = Entry(path, Kind.HARDLINK, 0o700, 3, 4, link=b"n/sub/a")
        assert placed[path] == Placed(again, 0, source)
    assert placed[b"n/other"].entry.kind is Kind.FILE


def test_names_of_one_file_that_two_sources_or_matches_copy_become_two_files():
    expected = {b"n/a": (Kind.FILE, b""), b"n/b": (Kind.FILE, b"")}
    assert shape("d/sub/a", "d/sub/b", to="/n/") == expected
    assert shape("d/sub/*", to="/n/") == expected


def test_a_name_that_another_source_replaces_is_no_name_of_the_file():
    source = tree(
        file(b"d/a", size=1, file_id=1), file(b"d/b", size=1, file_id=1),
        file(b"d/c", size=1, file_id=1), file(b"e/a", size=2),
    )  # fmt: skip
    placed = [p.entry for p in copy_of(source, "d", "e", to="/n/")][1:]
    assert [(e.path, e.kind, e.size, e.link) for e in placed] == [
        (b"n/a", Kind.FILE, 2, b""),
        (b"n/b", Kind.FILE, 1, b""),
        (b"n/c", Kind.HARDLINK, 0, b"n/b"),
    ]


def test_links_are_copied_one_by_one_as_buildkit_does():
    found = shape("d", to="/n")
    assert found[b"n/s"] == found[b"n/t"] == (Kind.SYMLINK, b"z")
