"""What is a change, for every backend."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest

from pybuild.errors import HostUnsupported
from pybuild.tree.change import changes
from pybuild.tree.entry import Candidate, Entry, Kind
from pybuild.tree.index import TreeIndex

S = 1_000_000_000
OLD = b"\x01" * 32
NEW = b"\x02" * 32

FILE = Entry(b"f", Kind.FILE, mtime_ns=3 * S, size=5, digest=OLD)
DIRECTORY = Entry(b"f", Kind.DIRECTORY, mode=0o755, mtime_ns=3 * S)
SYMLINK = Entry(b"f", Kind.SYMLINK, mode=0o777, link=b"x")
DEVICE = Entry(b"f", Kind.BLOCK_DEVICE, device=(8, 1))


def tree(*entries: Entry) -> TreeIndex:
    made = TreeIndex()
    for entry in entries:
        made.put(entry)
    return made


def now(entry: Entry, **changed: object) -> Candidate:
    return Candidate(entry.path, replace(entry, digest=b"", **changed))


def gone(path: bytes) -> Candidate:
    return Candidate(path, None)


def no_hash(path: bytes) -> bytes:
    raise AssertionError(f"{path!r} was hashed")


def layer(recorded, candidates, hash_file=no_hash):
    return tuple(changes(recorded, candidates, hash_file))


@pytest.mark.parametrize(
    ("before", "changed"),
    [
        (FILE, {"mode": 0o600}),
        (FILE, {"uid": 1}),
        (FILE, {"gid": 1}),
        (FILE, {"size": 6}),
        (FILE, {"mtime_ns": 4 * S}),
        (FILE, {"xattrs": ((b"user.a", b"b"),)}),
        (DIRECTORY, {"mtime_ns": 4 * S}),
        (DIRECTORY, {"mode": 0o1777}),
        (SYMLINK, {"link": b"y"}),
        (DEVICE, {"device": (8, 2)}),
        (DEVICE, {"kind": Kind.CHARACTER_DEVICE}),
    ],
)
def test_a_name_with_one_attribute_changed_is_in_the_layer(before, changed):
    after = now(before, **changed)
    assert layer(tree(before), [after]) == (after.entry,)


@pytest.mark.parametrize("entry", [DIRECTORY, SYMLINK, DEVICE, replace(FILE, size=0)])
def test_an_unchanged_name_is_not_in_the_layer(entry):
    assert layer(tree(entry), [now(entry)]) == ()


def test_fractions_of_seconds_are_no_change():
    after = now(DIRECTORY, mtime_ns=DIRECTORY.mtime_ns + 999_999_999)
    assert layer(tree(DIRECTORY), [after]) == ()


@pytest.mark.parametrize(("clamp_s", "in_layer"), [(None, True), (5, True), (2, False), (3, False)])
def test_times_behind_the_clamp_count_as_one(clamp_s, in_layer):
    after = now(DIRECTORY, mtime_ns=4 * S)
    result = changes(tree(DIRECTORY), [after], no_hash, clamp_s=clamp_s)
    assert bool([*result]) == in_layer


def test_the_mode_in_a_links_tar_header_means_nothing():
    assert layer(tree(replace(SYMLINK, mode=0o644)), [now(SYMLINK)]) == ()


@pytest.mark.parametrize(("digest", "in_layer"), [(OLD, False), (NEW, True)])
def test_content_decides_where_all_else_is_equal(digest, in_layer):
    result = layer(tree(FILE), [now(FILE)], lambda _path: digest)
    assert [entry.path for entry in result] == ([b"f"] if in_layer else [])


def test_a_file_whose_bytes_nobody_knows_is_in_the_layer():
    assert layer(tree(replace(FILE, digest=b"")), [now(FILE)]) == (now(FILE).entry,)


def test_a_new_name_is_in_the_layer_without_its_unchanged_parents():
    recorded = tree(Entry(b"d", Kind.DIRECTORY, mode=0o755))
    new = Candidate(b"d/n", Entry(b"d/n", Kind.FILE, size=1))
    parent = Candidate(b"d", recorded.get(b"d"))
    assert layer(recorded, [new, parent, new]) == (new.entry,)


def test_what_is_said_last_of_a_name_counts():
    before = tree(DIRECTORY)
    changed = now(DIRECTORY, mode=0o600)
    assert layer(before, [changed, now(DIRECTORY)]) == ()
    assert layer(before, [gone(b"f"), changed]) == (changed.entry,)
    assert layer(before, [changed, gone(b"f")]) == (Entry(b"f", Kind.WHITEOUT, mode=0),)


def test_what_was_made_before_the_command_ran_is_in_the_layer_unless_it_was_changed():
    made = [Entry(b"w", Kind.DIRECTORY, mode=0o755), Entry(b"w/d", Kind.DIRECTORY, mode=0o755)]
    changed = now(made[1], mode=0o700)
    found = changes(tree(*made), [changed], no_hash)
    found.include(made)
    assert [*found] == [made[0], changed.entry]
    assert [*found] == [made[0], changed.entry]  # also when it is asked again


def test_candidates_that_did_not_change_take_no_memory():
    recorded = tree(*(Entry(b"d/%05d" % number, Kind.FILE) for number in range(5000)))
    candidates = (
        Candidate(b"d/%05d" % number, Entry(b"d/%05d" % number, Kind.FILE))
        for number in range(5000)
    )
    tracemalloc.start()
    found = changes(recorded, candidates, no_hash)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [*found] == []
    assert taken < 20_000


def test_the_root_is_never_in_a_layer():
    root = Candidate(b"", Entry(b"", Kind.DIRECTORY, mode=0o700))
    assert layer(tree(), [root]) == ()


def test_a_vanished_directory_is_one_whiteout():
    recorded = tree(Entry(b"d/e/f", Kind.FILE), Entry(b"d/g", Kind.FILE))
    vanished = [gone(b"d/g"), gone(b"d/e/f"), gone(b"d"), gone(b"d/e")]
    assert layer(recorded, vanished) == (Entry(b"d", Kind.WHITEOUT, mode=0),)


def test_a_name_that_came_and_went_is_nothing():
    assert layer(tree(), [gone(b"tmp"), gone(b"tmp/x")]) == ()


def test_names_that_only_look_as_if_they_were_below_get_their_own_whiteout():
    recorded = tree(Entry(b"a/x", Kind.FILE), Entry(b"a-b", Kind.FILE))
    result = layer(recorded, [gone(b"a"), gone(b"a-b"), gone(b"a/x")])
    assert [entry.path for entry in result] == [b"a", b"a-b"]


@pytest.mark.parametrize("kind", [Kind.FILE, Kind.SYMLINK, Kind.FIFO])
def test_a_directory_that_became_something_else_needs_no_whiteouts(kind):
    # A whiteout below a new symlink would delete in the link's target.
    recorded = tree(Entry(b"d/e/f", Kind.FILE), Entry(b"d/g", Kind.FILE))
    after = Candidate(b"d", Entry(b"d", kind, link=b"x" if kind is Kind.SYMLINK else b""))
    assert layer(recorded, [gone(b"d/e/f"), after, gone(b"d/g")]) == (after.entry,)


def test_a_file_that_became_a_directory_needs_no_whiteout():
    after = [
        Candidate(b"f", DIRECTORY),
        Candidate(b"f/x", Entry(b"f/x", Kind.FILE, size=1)),
    ]
    assert [e.kind for e in layer(tree(FILE), after)] == [Kind.DIRECTORY, Kind.FILE]


def test_the_layer_is_sorted_bytewise():
    new = [Candidate(p, Entry(p, Kind.DIRECTORY)) for p in (b"b", b"a/x", b"a-b", b"a")]
    assert [entry.path for entry in layer(tree(), new)] == [b"a", b"a-b", b"a/x", b"b"]


def linked(path: bytes, **more: object) -> Candidate:
    entry = Entry(path, Kind.FILE, size=5, mode=0o600, xattrs=((b"user.a", b"b"),), **more)
    return Candidate(path, entry, inode=(1, 77), links=3)


def test_names_of_one_file_are_a_file_and_links_to_the_first():
    second = linked(b"z/b")
    first, other = linked(b"a"), linked(b"c")
    result = layer(tree(), [second, other, first])
    assert result[0] == first.entry
    assert [(e.path, e.kind, e.link, e.size, e.xattrs) for e in result[1:]] == [
        (b"c", Kind.HARDLINK, b"a", 0, ()),
        (b"z/b", Kind.HARDLINK, b"a", 0, ()),
    ]


def test_a_name_outside_the_layer_is_never_a_links_target():
    # `ln a b`: a did not change, so b must carry the bytes.
    recorded = tree(replace(linked(b"a").entry, digest=OLD))
    result = layer(recorded, [linked(b"a"), linked(b"b")], lambda _path: OLD)
    assert result == (linked(b"b").entry,)


def test_two_files_with_no_inode_number_are_two_files():
    new = [Candidate(p, Entry(p, Kind.FILE, size=1), links=2) for p in (b"a", b"b")]
    assert [entry.kind for entry in layer(tree(), new)] == [Kind.FILE, Kind.FILE]


def test_a_character_device_0_0_cannot_be_in_a_layer():
    device = Candidate(b"dev/x", Entry(b"dev/x", Kind.CHARACTER_DEVICE))
    with pytest.raises(HostUnsupported) as caught:
        layer(tree(), [device])
    assert caught.value.message == (
        "/dev/x is a character device 0:0, which layers use for deletions"
    )


@pytest.mark.parametrize("kind", [Kind.SYMLINK, Kind.FIFO, Kind.BLOCK_DEVICE])
def test_only_files_are_linked(kind):
    new = [Candidate(p, Entry(p, kind), inode=(1, 7), links=2) for p in (b"a", b"b")]
    assert [entry.kind for entry in layer(tree(), new)] == [kind, kind]


NULL = Entry(b"d/null", Kind.CHARACTER_DEVICE, device=(1, 3))


def test_a_device_that_never_was_on_disk_is_not_deleted_by_a_run():
    # Where devices cannot be made, a RUN changes its directory and never sees the device.
    recorded = tree(Entry(b"d", Kind.DIRECTORY, mode=0o755), NULL)
    after = [
        Candidate(b"d", Entry(b"d", Kind.DIRECTORY, mode=0o755, mtime_ns=S)),
        Candidate(b"d/new", Entry(b"d/new", Kind.FIFO)),
    ]
    result = layer(recorded, after)
    assert [entry.path for entry in result] == [b"d", b"d/new"]
    recorded.apply(result)
    assert recorded.get(b"d/null") == NULL


@pytest.mark.parametrize("now_is", [None, Entry(b"d", Kind.FIFO), Entry(b"d", Kind.SYMLINK)])
def test_a_device_that_never_was_on_disk_goes_with_its_directory(now_is):
    recorded = tree(NULL)
    result = layer(recorded, [Candidate(b"d", now_is)])
    assert [(e.path, e.kind) for e in result] == [
        (b"d", Kind.WHITEOUT if now_is is None else now_is.kind)
    ]
    recorded.apply(result)
    assert recorded.get(b"d/null") is None


def test_a_file_where_the_device_could_not_be_is_a_file():
    recorded = tree(NULL)
    new = Candidate(b"d/null", Entry(b"d/null", Kind.FILE, size=1))
    assert layer(recorded, [new]) == (new.entry,)


CAPABLE = replace(FILE, xattrs=((b"security.capability", b"c"), (b"user.a", b"b")))
UNSET = {b"security.capability"}


@pytest.mark.parametrize(
    ("changed", "in_layer"),
    [
        ({"xattrs": ((b"user.a", b"b"),)}, None),
        ({"xattrs": ((b"user.a", b"b"),), "mode": 0o600}, CAPABLE.xattrs),
        ({"xattrs": ((b"user.a", b"z"),)}, ((b"security.capability", b"c"), (b"user.a", b"z"))),
        ({"xattrs": (), "uid": 5}, ()),
        ({"xattrs": (), "mtime_ns": 9 * S}, ()),
        ({"xattrs": ((b"security.capability", b"d"),)}, ((b"security.capability", b"d"),)),
    ],
)
def test_what_the_place_could_not_keep_of_a_file_stays_unless_it_was_written(changed, in_layer):
    result = changes(tree(CAPABLE), [now(CAPABLE, **changed)], lambda _: OLD, unset_xattrs=UNSET)
    assert [entry.xattrs for entry in result] == ([] if in_layer is None else [in_layer])


def test_an_attribute_that_the_place_can_keep_and_is_gone_is_a_change():
    result = changes(tree(CAPABLE), [now(CAPABLE, xattrs=())], lambda _: OLD)
    assert [entry.xattrs for entry in result] == [()]
