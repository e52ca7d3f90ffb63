"""The index of a tree: single names and whole layers."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest

from pybuild.errors import IntegrityError
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.index import TreeIndex


def directory(path: bytes, **more: object) -> Entry:
    return Entry(path, Kind.DIRECTORY, **{"mode": 0o755, **more})


def file(path: bytes, **more: object) -> Entry:
    return Entry(path, Kind.FILE, **more)


def link(path: bytes, to: bytes) -> Entry:
    return Entry(path, Kind.SYMLINK, mode=0o777, link=to)


def hard_link(path: bytes, to: bytes) -> Entry:
    return Entry(path, Kind.HARDLINK, link=to)


def whiteout(path: bytes) -> Entry:
    return Entry(path, Kind.WHITEOUT)


def opaque(path: bytes) -> Entry:
    return Entry(path, Kind.OPAQUE)


def index(*entries: Entry) -> TreeIndex:
    made = TreeIndex()
    made.apply(entries)
    return made


def paths(tree: TreeIndex) -> list[bytes]:
    return [entry.path for entry in tree.walk()]


def test_an_empty_tree_has_a_root_and_nothing_else():
    tree = TreeIndex()
    assert tree.get(b"") == Entry(b"", Kind.DIRECTORY, mode=0o755)
    assert tree.children(b"") == ()
    assert len(tree) == 0


def test_missing_parents_are_made_for_root_with_time_0():
    tree = index(file(b"a/b/c", mtime_ns=5))
    assert tree.get(b"a") == Entry(b"a", Kind.DIRECTORY, mode=0o755)
    assert tree.get(b"a/b") == Entry(b"a/b", Kind.DIRECTORY, mode=0o755)
    assert len(tree) == 3


def test_children_are_sorted_bytewise():
    tree = index(file(b"d/b"), file(b"d/B"), file(b"d/\xff"), file(b"d/a"))
    assert tree.children(b"d") == (b"B", b"a", b"b", b"\xff")
    assert tree.children(b"d/a") == ()
    assert tree.children(b"nowhere") == ()


def test_walking_gives_whole_paths_in_bytewise_order():
    tree = index(file(b"a/x"), file(b"a-b"), directory(b"b"))
    assert paths(tree) == [b"a", b"a-b", b"a/x", b"b"]
    assert [entry.path for entry in tree.walk(b"a")] == [b"a/x"]


def test_a_directory_merges_with_the_one_below_it():
    tree = index(file(b"d/old"))
    tree.apply([directory(b"d", mode=0o700, uid=5), file(b"d/new")])
    assert tree.children(b"d") == (b"new", b"old")
    assert tree.get(b"d") == directory(b"d", mode=0o700, uid=5)


@pytest.mark.parametrize(
    "replacement", [file(b"d"), link(b"d", b"elsewhere"), Entry(b"d", Kind.FIFO)]
)
def test_all_but_a_directory_replaces_a_directory_and_what_was_in_it(replacement):
    tree = index(file(b"d/e/f"), file(b"d/g"))
    tree.apply([replacement])
    assert paths(tree) == [b"d"]
    assert tree.get(b"d/e/f") is None
    assert tree.get(b"d") == replacement


def test_a_directory_replaces_a_file():
    tree = index(file(b"d"))
    tree.apply([directory(b"d"), file(b"d/f")])
    assert paths(tree) == [b"d", b"d/f"]


def test_a_whiteout_removes_a_name_and_all_below_it():
    tree = index(file(b"d/e/f"), file(b"g"))
    tree.apply([whiteout(b"d"), whiteout(b"never-there")])
    assert paths(tree) == [b"g"]


@pytest.mark.parametrize("first", [True, False])
def test_a_whiteout_never_hides_what_its_own_layer_wrote(first):
    tree = index(file(b"d/old"))
    layer = [directory(b"d"), file(b"d/new")]
    tree.apply([whiteout(b"d"), *layer] if first else [*layer, whiteout(b"d")])
    assert paths(tree) == [b"d", b"d/new"]


@pytest.mark.parametrize("first", [True, False])
def test_an_opaque_whiteout_hides_only_what_lower_layers_had(first):
    tree = index(file(b"d/old"), file(b"d/sub/old"), file(b"e"))
    layer = [directory(b"d", mode=0o711), file(b"d/sub/new")]
    tree.apply([opaque(b"d"), *layer] if first else [*layer, opaque(b"d")])
    assert paths(tree) == [b"d", b"d/sub", b"d/sub/new", b"e"]


def test_an_opaque_whiteout_of_a_link_empties_the_directory_it_leads_to():
    tree = index(directory(b"usr/lib"), file(b"usr/lib/old"), link(b"lib", b"usr/lib"))
    tree.apply([opaque(b"lib"), file(b"lib/new")])
    assert paths(tree) == [b"lib", b"usr", b"usr/lib", b"usr/lib/new"]


def test_an_opaque_whiteout_makes_its_directory_where_it_is_missing():
    tree = index(file(b"d/old"))
    tree.apply([whiteout(b"d"), opaque(b"d")])
    assert paths(tree) == [b"d"]
    assert tree.get(b"d") == directory(b"d")


def test_a_hard_link_becomes_a_file_with_the_targets_attributes_and_number():
    target = file(b"a", mode=0o750, uid=3, gid=4, size=9, mtime_ns=7, digest=b"\1" * 32)
    tree = index(target, hard_link(b"d/b", b"a"))
    shared = replace(target, file_id=1)
    assert (tree.get(b"a"), tree.get(b"d/b")) == (shared, shared.at(b"d/b"))


def ids(tree: TreeIndex, *names: bytes) -> list[int]:
    return [tree.get(name).file_id for name in names]


def test_names_of_one_file_share_a_number_and_two_files_have_two():
    tree = index(file(b"a"), file(b"b"), file(b"alone"))
    tree.apply([hard_link(b"a2", b"a"), hard_link(b"b2", b"b"), hard_link(b"a3", b"a2")])
    assert ids(tree, b"a", b"a2", b"a3") == [1, 1, 1]
    assert ids(tree, b"b", b"b2") == [2, 2]
    assert ids(tree, b"alone") == [0]


@pytest.mark.parametrize(
    "replacement", [file(b"a2"), file(b"a2", file_id=1), link(b"a2", b"a"), directory(b"a2")]
)
def test_a_name_that_is_replaced_is_no_name_of_the_file_any_more(replacement):
    tree = index(file(b"a"), hard_link(b"a2", b"a"), hard_link(b"a3", b"a"))
    tree.apply([replacement])
    assert ids(tree, b"a", b"a2", b"a3") == [1, 0, 1]


def test_a_new_number_is_none_that_the_tree_was_given():
    tree = TreeIndex()
    tree.put(file(b"x", file_id=7))
    tree.put(file(b"a"))
    tree.apply([hard_link(b"b", b"a")])
    assert ids(tree, b"a", b"b") == [8, 8]
    other = tree.copy()
    other.apply([file(b"c"), hard_link(b"d", b"c")])
    assert ids(other, b"c", b"d") == [9, 9]


@pytest.mark.parametrize(
    "entry",
    [
        file(b"d/f", mode=0o4755, uid=2**32 - 2, gid=7, mtime_ns=-5, size=2**62, file_id=2**63),
        file(b"d/f", xattrs=((b"user.a", b"\0"),), digest=b"\1" * 32),
        link(b"d/f", b"\xff\n" * 900),
        Entry(b"d/f", Kind.BLOCK_DEVICE, device=(259, 1 << 20)),
        file(b"d/f", mtime_ns=2**70),  # no record can hold it
        file(b"d/f", link=b"?", digest=b"\1" * 32),
    ],
)
def test_what_is_put_is_what_is_there(entry):
    tree = index()
    tree.put(entry)
    assert tree.get(b"d/f") == entry
    assert tree.copy().get(b"d/f") == entry


def test_copies_do_not_mix_what_they_learn_later():
    tree = index(file(b"a", uid=1))
    other = tree.copy()
    tree.put(file(b"b", uid=2))
    other.put(file(b"b", uid=3))
    assert (tree.get(b"b").uid, other.get(b"b").uid) == (2, 3)


@pytest.mark.parametrize(("files", "most_bytes"), [(1000, 95), (10, 140)])
def test_a_name_takes_about_a_hundred_bytes(files, most_bytes):
    tree = TreeIndex()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for n in range(20_000):
        path = b"usr/lib/package-%03d/module-%05d.py" % (n // files, n)
        digest = n.to_bytes(32, "big")
        tree.put(file(path, mtime_ns=10**18 + n, size=10**4 + n, digest=digest))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (after - before) / len(tree) < most_bytes


def test_a_layer_can_be_given_entry_by_entry():
    tree = index(file(b"d/old"))
    update = tree.update()
    for entry in [opaque(b"d"), file(b"d/new"), whiteout(b"d/new"), whiteout(b"d")]:
        update.add(entry)
    assert paths(tree) == [b"d", b"d/new"]


@pytest.mark.parametrize("target", [b"missing", b"d"])
def test_a_hard_link_to_what_is_no_file_is_a_broken_layer(target):
    tree = index(directory(b"d"))
    with pytest.raises(IntegrityError) as caught:
        tree.apply([hard_link(b"x", target)])
    assert caught.value.message == (
        f"the layer is broken: /x is a hard link to /{target.decode()}, "
        "which is not a file before it"
    )


def test_a_name_behind_a_link_lands_in_the_links_target():
    tree = index(directory(b"usr/lib"), file(b"usr/lib/old"), link(b"lib", b"usr/lib"))
    tree.apply([file(b"lib/new"), whiteout(b"lib/old"), hard_link(b"lib/same", b"lib/new")])
    assert paths(tree) == [b"lib", b"usr", b"usr/lib", b"usr/lib/new", b"usr/lib/same"]


def test_a_link_in_the_last_place_is_replaced_not_followed():
    tree = index(directory(b"usr/lib"), link(b"lib", b"usr/lib"))
    tree.apply([directory(b"lib"), file(b"lib/x")])
    assert paths(tree) == [b"lib", b"lib/x", b"usr", b"usr/lib"]


def test_a_layer_can_set_the_root():
    tree = index(directory(b"", mode=0o700, mtime_ns=4))
    assert tree.get(b"") == directory(b"", mode=0o700, mtime_ns=4)
    assert len(tree) == 0


@pytest.mark.parametrize("entry", [whiteout(b"a"), opaque(b"a"), hard_link(b"a", b"b"), file(b"")])
def test_put_refuses_what_no_tree_holds(entry):
    with pytest.raises(ValueError, match=r"a tree has no|the root cannot be"):
        TreeIndex().put(entry)


def test_removing_what_is_not_there_is_nothing_and_the_root_stays():
    tree = index(file(b"a"))
    tree.remove(b"b/c")
    assert paths(tree) == [b"a"]
    with pytest.raises(ValueError, match="the root cannot be removed"):
        tree.remove(b"")


def test_a_removed_directory_leaves_nothing_to_a_later_one():
    tree = index(file(b"d/e/f"))
    tree.remove(b"d")
    tree.put(directory(b"d"))
    assert paths(tree) == [b"d"]


def test_a_copy_is_independent():
    tree = index(file(b"d/a"))
    other = tree.copy()
    other.apply([file(b"d/b"), directory(b"", mode=0o700)])
    assert paths(tree) == [b"d", b"d/a"]
    assert tree.get(b"") == directory(b"")
    assert paths(other) == [b"d", b"d/a", b"d/b"]


def test_a_tree_may_be_changed_while_it_is_walked():
    tree = index(file(b"a"), file(b"b"))
    for entry in tree.walk():
        tree.remove(entry.path)
    assert len(tree) == 0
