"""Several parts, one after the other, and layers that do not look at what is below them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pybuild.imagepath import ROOT
from pybuild.placement.errors import PlacementError
from pybuild.placement.part import ArchivePart, Member, TreePart
from pybuild.placement.place import Placed, place
from pybuild.placement.select import Selected, select
from pybuild.placement.spec import CopySpec
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.index import TreeIndex

NOW = 1000


def tree(*entries):
    made = TreeIndex()
    for entry in entries:
        made.put(entry)
    return made


def file(path, **more):
    return Entry(path, Kind.FILE, **more)


def directory(path, mode=0o755, **more):
    return Entry(path, Kind.DIRECTORY, mode, **more)


def link(path, to):
    return Entry(path, Kind.SYMLINK, 0o777, link=to)


def from_tree(*entries, sources=("/",), **options):
    source = tree(*entries)
    return TreePart(source, select(sources, source), **options)


def one_file(name, **more):
    entry = file(name, **more)
    return TreePart(TreeIndex(), (Selected(name, name, entry),))


def archive(*entries):
    return ArchivePart("a.tar", [Member(one, b"%d" % at) for at, one in enumerate(entries)])


def placed(*parts, to="/n/", base=(), **options):
    return tuple(place(CopySpec(to, ROOT, now_ns=NOW, **options), parts, tree(*base)))


def test_every_entry_says_which_part_has_its_bytes():
    found = placed(
        from_tree(file(b"d/a"), sources=["d"]), one_file(b"EOF", size=3), archive(file(b"x"))
    )
    assert [(one.entry.path, one.part, one.source) for one in found] == [
        (b"n", 0, b"d"),
        (b"n/EOF", 1, b"EOF"),
        (b"n/a", 0, b"d/a"),
        (b"n/x", 2, b"0"),
    ]


def test_a_part_sees_what_those_before_it_wrote():
    found = placed(one_file(b"a", size=1), one_file(b"b", size=2), to="/n")
    assert [(one.entry.path, one.entry.size, one.part) for one in found] == [(b"n", 2, 1)]
    into = placed(from_tree(directory(b"e"), sources=["e"]), one_file(b"b"), to="/n")
    assert [one.entry.path for one in into] == [b"n", b"n/b"]


def test_owners_stay_part_by_part():
    own = {"uid": 7, "gid": 8}
    stage = from_tree(file(b"s", **own), sources=["s"], keep_owner=True)
    context = from_tree(file(b"c", **own), sources=["c"])
    assert {one.entry.path: one.entry.uid for one in placed(stage, context)} == {
        b"n": 0, b"n/s": 7, b"n/c": 0,
    }  # fmt: skip


def test_names_of_one_file_in_two_parts_become_two_files():
    twice = {"file_id": 1, "size": 1}
    found = placed(
        from_tree(file(b"a", **twice), sources=["a"]), from_tree(file(b"b", **twice), sources=["b"])
    )
    assert [one.entry.kind for one in found[1:]] == [Kind.FILE, Kind.FILE]


def test_a_here_document_becomes_a_file_of_its_name_or_the_destinations():
    assert [one.entry.path for one in placed(one_file(b"EOF"))] == [b"n", b"n/EOF"]
    assert [one.entry.path for one in placed(one_file(b"EOF"), to="/n")] == [b"n"]
    there = placed(one_file(b"EOF"), to="/n", base=[directory(b"n")])
    assert [one.entry.path for one in there] == [b"n/EOF"]


@pytest.mark.parametrize(
    ("to", "base", "mode"),
    [("/n", [], 0o751), ("/n/", [], 0o755), ("/n", [directory(b"n", 0o700)], 0o700)],
)
def test_a_whole_directory_is_like_its_source_where_it_is_new(to, base, mode):
    source = TreeIndex()
    source.put(directory(b"", 0o751, mtime_ns=3))
    source.put(file(b"f"))
    found = placed(TreePart(source, select(["/"], source), whole=True), to=to, base=base)
    assert [(one.entry.path, one.entry.mode) for one in found] == [(b"n", mode), (b"n/f", 0o644)]
    assert found[0].entry.mtime_ns == 3


BASE = [
    directory(b"usr/lib"), link(b"lib", b"usr/lib"), directory(b"app", 0o700, uid=5),
    file(b"plain"), file(b"dd/x"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("to", "layer", "result"),
    [
        pytest.param("/lib/f", [b"lib", b"lib/f"], b"lib/f", id="a link is replaced"),
        pytest.param("/app/f", [b"app", b"app/f"], b"app/f", id="a directory is made anew"),
        pytest.param("/plain/f", [b"plain", b"plain/f"], b"plain/f", id="a file is replaced"),
        pytest.param("/dd", [b"dd"], b"dd", id="so is a directory"),
    ],
)
def test_a_linked_layer_is_as_if_nothing_was_below_it(to, layer, result):
    spec = CopySpec(to, ROOT, now_ns=NOW)
    found = tuple(place(spec, [one_file(b"f", size=9)], TreeIndex()))
    assert [one.entry.path for one in found] == layer
    merged = tree(*BASE)
    merged.apply(one.entry for one in found)
    assert merged.get(result).size == 9
    assert all((one.entry.uid, one.entry.mtime_ns) in {(0, NOW), (0, 0)} for one in found)


def unpacked(*entries, to="/", base=(), **options):
    found = placed(archive(*entries), to=to, base=base, **options)
    return {one.entry.path: one for one in found}


def shape(found):
    return {path: (one.entry.kind, one.entry.link) for path, one in found.items()}


OWNED = {"uid": 11, "gid": 12, "mtime_ns": 5}


def test_an_archives_owners_modes_and_times_are_kept():
    entries = [
        directory(b"d", 0o2750, **OWNED), file(b"d/f", mode=0o4640, size=2, **OWNED),
        Entry(b"d/p", Kind.FIFO, 0o600, **OWNED),
        Entry(b"d/c", Kind.CHARACTER_DEVICE, 0o660, device=(1, 3), **OWNED),
        link(b"s", b"../x"),
        file(b"x", xattrs=((b"user.a", b"b"),), **OWNED),
    ]  # fmt: skip
    found = unpacked(*entries)
    assert [one.entry for one in found.values()] == sorted(entries, key=lambda one: one.path)
    assert found[b"d/f"] == Placed(entries[1], 0, b"1")


def test_the_destination_of_an_archive_is_a_directory_that_the_owner_asked_for_gets():
    found = unpacked(file(b"f", **OWNED), to="/a/b", owner=(3, 4))
    assert {path: (one.entry.uid, one.entry.mode) for path, one in found.items()} == {
        b"a": (3, 0o755), b"a/b": (3, 0o755), b"a/b/f": (3, 0o644),
    }  # fmt: skip


def test_a_link_of_an_archive_has_the_mode_that_links_have():
    assert unpacked(replace(link(b"l", b"x"), mode=0o640))[b"l"].entry.mode == 0o777


def test_directories_that_an_archive_does_not_name_are_roots_whoever_asks():
    found = unpacked(file(b"d/f", **OWNED), owner=(3, 4))
    assert found[b"d"].entry == directory(b"d", mtime_ns=NOW)


@pytest.mark.parametrize("kind", [Kind.DIRECTORY, Kind.FILE])
def test_what_an_archive_says_of_its_root_is_not_for_the_destination(kind):
    assert unpacked(Entry(b"", kind, 0o700, **OWNED), file(b"f")).keys() == {b"f"}


@pytest.mark.parametrize(
    ("entries", "base", "expected"),
    [
        pytest.param(
            [directory(b"dd", 0o700, **OWNED)], BASE, {b"dd": (Kind.DIRECTORY, b"")},
            id="directories merge",
        ),
        pytest.param([file(b"dd")], BASE, {b"dd": (Kind.FILE, b"")},
                     id="a file takes the place of a directory"),
        pytest.param([directory(b"plain"), file(b"plain/a")], BASE,
                     {b"plain": (Kind.DIRECTORY, b""), b"plain/a": (Kind.FILE, b"")},
                     id="a directory takes the place of a file"),
        pytest.param([directory(b"lib"), file(b"lib/a")], BASE,
                     {b"lib": (Kind.DIRECTORY, b""), b"lib/a": (Kind.FILE, b"")},
                     id="and of a link"),
        pytest.param([file(b"lib/a")], BASE, {b"usr/lib/a": (Kind.FILE, b"")},
                     id="links of the destination are followed"),
        pytest.param([file(b"dd"), directory(b"dd"), file(b"dd/y")], BASE,
                     {b"dd": (Kind.DIRECTORY, b""), b"dd/x": (Kind.WHITEOUT, b""),
                      b"dd/y": (Kind.FILE, b"")},
                     id="what was in a directory that went away does not come back"),
        pytest.param([link(b"dd", b"app"), file(b"dd/x")], BASE,
                     {b"app/x": (Kind.FILE, b""), b"dd": (Kind.SYMLINK, b"app")},
                     id="below a link of the archive"),
        pytest.param([file(b"f", size=1), file(b"f", size=2)], [], {b"f": (Kind.FILE, b"")},
                     id="the last of two wins"),
    ],
)  # fmt: skip
def test_what_is_unpacked_takes_the_place_of_what_is_there(entries, base, expected):
    found = unpacked(*entries, base=base)
    assert shape(found) == expected
    result = tree(*base)
    result.apply(one.entry for one in found.values())
    for path, (kind, _) in expected.items():
        entry = result.get(path)
        assert (entry.kind if entry else Kind.WHITEOUT) is kind


@pytest.mark.parametrize(
    ("entries", "inside"),
    [
        pytest.param([link(b"l", b"/etc"), file(b"l/x")], b"q/etc/x", id="an absolute link"),
        pytest.param([link(b"l", b"../.."), file(b"l/x")], b"q/x", id="a link that climbs"),
        pytest.param([link(b"l", b"gone"), file(b"l/x")], b"q/gone/x", id="one to nothing"),
        pytest.param(
            [link(b"a", b".."), link(b"l", b"a/etc"), file(b"l/x")], b"q/etc/x", id="two steps"
        ),
    ],
)
def test_links_of_an_archive_lead_nowhere_out_of_the_destination(entries, inside):
    found = unpacked(*entries, to="/q", base=[file(b"etc/passwd")])
    assert found[inside].entry.kind is Kind.FILE
    assert all(path == b"q" or path.startswith(b"q/") for path in found)


def hard(path, to, **more):
    return Entry(path, Kind.HARDLINK, link=to, **more)


def test_hard_links_stay_links_and_the_last_header_counts_for_all_names():
    found = unpacked(
        file(b"b", size=1, **OWNED), hard(b"c", b"b"), hard(b"a", b"c", mode=0o600, uid=99)
    )
    first = file(b"a", mode=0o600, uid=99, size=1)
    assert [one.entry for one in found.values()] == [
        first, hard(b"b", b"a", mode=0o600, uid=99), hard(b"c", b"a", mode=0o600, uid=99),
    ]  # fmt: skip
    assert found[b"a"].source == b"0"


def test_a_hard_link_to_a_link_is_one_more_link():
    found = unpacked(link(b"l", b"/x"), hard(b"m", b"l"))
    assert shape(found) == {b"l": (Kind.SYMLINK, b"/x"), b"m": (Kind.SYMLINK, b"/x")}


def test_a_hard_link_to_a_file_that_was_there_brings_it_into_the_layer():
    base = [file(b"q/own", size=4, digest=b"\5" * 32)]
    found = unpacked(hard(b"new", b"own", mode=0o601, uid=3), to="/q", base=base)
    assert found[b"q/new"] == Placed(
        file(b"q/new", mode=0o601, uid=3, size=4, digest=b"\5" * 32), None, b"q/own"
    )
    assert found[b"q/own"].entry == hard(b"q/own", b"q/new", mode=0o601, uid=3)


def test_a_name_that_is_replaced_is_no_name_of_the_linked_file_any_more():
    found = unpacked(
        file(b"a", size=1), hard(b"b", b"a"), file(b"a", size=2), hard(b"c", b"b", mode=0o600)
    )
    assert [(e.path, e.kind, e.size, e.mode) for e in (one.entry for one in found.values())] == [
        (b"a", Kind.FILE, 2, 0o644),
        (b"b", Kind.FILE, 1, 0o600),
        (b"c", Kind.HARDLINK, 0, 0o600),
    ]


@pytest.mark.parametrize(
    ("entries", "to", "message"),
    [
        ([hard(b"h", b"no")], "/", "cannot unpack h of a.tar: link no: no such file or directory"),
        ([directory(b"d"), hard(b"h", b"d")], "/",
         "cannot unpack h of a.tar: link d: operation not permitted"),
        ([file(b"h"), hard(b"h", b"h")], "/",
         "cannot unpack h of a.tar: link h: no such file or directory"),
        ([file(b"d/f"), hard(b"d", b"d/f")], "/",
         "cannot unpack d of a.tar: link d/f: no such file or directory"),
        ([file(b"f"), file(b"f/x")], "/", "cannot unpack f/x of a.tar: mkdir /f: not a directory"),
        ([link(b"l", b"l"), file(b"l/x")], "/",
         "cannot unpack l/x of a.tar: /l/x: too many levels of symbolic links"),
        ([file(b"x")], "/plain", "mkdir /plain: not a directory"),
    ],
)  # fmt: skip
def test_what_cannot_be_unpacked_is_said(entries, to, message):
    with pytest.raises(PlacementError) as caught:
        unpacked(*entries, to=to, base=[file(b"plain")])
    assert str(caught.value) == message


def test_times_of_an_archive_end_at_the_limit_and_begin_at_1970():
    found = unpacked(file(b"a", mtime_ns=-5), file(b"b", mtime_ns=50), mtime_limit_ns=20)
    assert [one.entry.mtime_ns for one in found.values()] == [0, 20]


def test_files_between_archives_are_placed_in_order():
    found = placed(
        archive(file(b"f", size=1)), one_file(b"f", size=2), archive(file(b"g"), directory(b"f"))
    )
    assert [(one.entry.path, one.entry.kind, one.part) for one in found] == [
        (b"n", Kind.DIRECTORY, None),
        (b"n/f", Kind.DIRECTORY, 2),
        (b"n/g", Kind.FILE, 2),
    ]
