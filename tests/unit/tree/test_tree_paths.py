"""Entries by path: any, whether or not the directories above have some."""

from pybuild.tree.entry import Entry, Kind
from pybuild.tree.paths import PackedPaths
from pybuild.tree.walk import walk


def held(*names: bytes) -> PackedPaths:
    made = PackedPaths()
    for path in names:
        made.put(Entry(path, Kind.FIFO))
    return made


def walked(entries: PackedPaths) -> list[bytes]:
    return [entry.path for entry in walk(entries)]


def test_directories_on_the_way_need_no_entry():
    entries = held(b"a/b/c", b"a-b", b"a/b-c")
    assert entries.get(b"a") is None
    assert entries.children(b"a") == (b"b", b"b-c")
    assert walked(entries) == [b"a-b", b"a/b-c", b"a/b/c"]


def test_an_entry_may_come_after_those_below_it():
    entries = held(b"a/b")
    entries.put(Entry(b"a", Kind.DIRECTORY))
    assert walked(entries) == [b"a", b"a/b"]


def test_removing_an_entry_leaves_those_below_it():
    entries = held(b"a/b/c")
    entries.put(Entry(b"a/b", Kind.DIRECTORY))
    entries.remove(b"a/b")
    entries.remove(b"never/there")
    assert walked(entries) == [b"a/b/c"]


def test_dropping_what_is_below_leaves_nothing_to_a_later_directory():
    entries = held(b"a/b/c", b"a/d", b"e")
    entries.drop_below(b"a")
    entries.remove(b"a")
    assert walked(entries) == [b"e"]
    entries.put(Entry(b"a/f", Kind.FIFO))
    assert walked(entries) == [b"a/f", b"e"]


def test_a_kind_that_no_tree_has_is_held_as_well():
    entries = PackedPaths()
    layer = [
        Entry(b"gone", Kind.WHITEOUT, mode=0),
        Entry(b"name", Kind.HARDLINK, link=b"other"),
    ]
    for entry in layer:
        entries.put(entry)
    assert [*walk(entries)] == layer


def test_a_copy_is_independent():
    entries = held(b"a/b")
    other = entries.copy()
    other.put(Entry(b"a/c", Kind.FIFO))
    assert (walked(entries), walked(other)) == ([b"a/b"], [b"a/b", b"a/c"])
