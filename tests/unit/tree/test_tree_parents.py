"""Every layer names the directories above what it holds."""

from pybuild.tree.entry import Entry, Item, Kind
from pybuild.tree.index import TreeIndex
from pybuild.tree.parents import with_parents


def tree(*entries):
    made = TreeIndex()
    for entry in entries:
        made.put(entry)
    return made


TMP = Entry(b"tmp", Kind.DIRECTORY, 0o1777, uid=3, gid=4, mtime_ns=5)
DEEP = Entry(b"tmp/deep", Kind.DIRECTORY, 0o700)


def parented(items, recorded):
    return list(with_parents(items, recorded))


def paths(items):
    return [item.entry.path for item in items]


def test_directories_above_a_change_come_with_their_own_mode_and_owner():
    items = parented([Item(Entry(b"tmp/deep/f", Kind.FILE))], tree(TMP, DEEP))
    assert [item.entry for item in items[:2]] == [TMP, DEEP]
    assert paths(items) == [b"tmp", b"tmp/deep", b"tmp/deep/f"]


def test_a_deletion_needs_them_too_and_the_root_is_never_there():
    root = Entry(b"", Kind.DIRECTORY, 0o700)
    items = parented([Item(Entry(b"tmp/gone", Kind.WHITEOUT))], tree(root, TMP))
    assert paths(items) == [b"tmp", b"tmp/gone"]


def test_a_directory_that_the_step_changed_is_the_steps():
    changed = Item(Entry(b"tmp", Kind.DIRECTORY, 0o755))
    items = parented([changed, Item(Entry(b"tmp/f", Kind.FILE))], tree(TMP))
    assert items[0] is changed


def test_an_empty_layer_stays_empty():
    assert parented([], tree(TMP)) == []


def test_a_directory_comes_once_right_before_the_first_name_below_it():
    items = [Item(Entry(path, Kind.FILE)) for path in (b"tmp-1", b"tmp/deep/a", b"tmp/deep/b")]
    assert paths(parented(items, tree(TMP, DEEP))) == [
        b"tmp-1", b"tmp", b"tmp/deep", b"tmp/deep/a", b"tmp/deep/b"
    ]  # fmt: skip


def test_items_are_taken_one_by_one():
    def endless():
        while True:
            yield Item(Entry(b"tmp/f", Kind.FILE))

    assert next(with_parents(endless(), tree(TMP))) == Item(TMP)
