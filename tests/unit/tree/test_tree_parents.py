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


def paths(items):
    return [item.entry.path for item in items]


def test_directories_above_a_change_come_with_their_own_mode_and_owner():
    items = with_parents([Item(Entry(b"tmp/deep/f", Kind.FILE))], tree(TMP, DEEP))
    assert [item.entry for item in items[:2]] == [TMP, DEEP]
    assert paths(items) == [b"tmp", b"tmp/deep", b"tmp/deep/f"]


def test_a_deletion_needs_them_too_and_the_root_is_never_there():
    root = Entry(b"", Kind.DIRECTORY, 0o700)
    items = with_parents([Item(Entry(b"tmp/gone", Kind.WHITEOUT))], tree(root, TMP))
    assert paths(items) == [b"tmp", b"tmp/gone"]


def test_a_directory_that_the_step_changed_is_the_steps():
    changed = Item(Entry(b"tmp", Kind.DIRECTORY, 0o755))
    items = with_parents([Item(Entry(b"tmp/f", Kind.FILE)), changed], tree(TMP))
    assert items[0] is changed


def test_an_empty_layer_stays_empty():
    assert with_parents([], tree(TMP)) == ()
