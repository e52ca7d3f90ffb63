"""For any source and destination: what is placed, applied, is there."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from pybuild.imagepath import ImagePath
from pybuild.placement.errors import PlacementError, SourceMissing
from pybuild.placement.part import TreePart
from pybuild.placement.place import place
from pybuild.placement.select import select
from pybuild.placement.spec import CopySpec
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.index import TreeIndex
from pybuild.tree.links import resolve

NAMES = st.sampled_from([b"a", b"b", b"c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(b"/".join)
ENTRIES = st.builds(
    lambda path, kind, mode: Entry(
        path, kind, mode, uid=3, mtime_ns=5, link=b"../b" if kind is Kind.SYMLINK else b""
    ),
    PATHS,
    st.sampled_from([Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK]),
    st.sampled_from([0o644, 0o755]),
)


def _tree(entries: list[Entry]) -> TreeIndex:
    made = TreeIndex()
    for entry in entries:
        made.put(entry)
    return made


TREES = st.lists(ENTRIES, max_size=6).map(_tree)
SOURCES = st.lists(st.sampled_from(["*", "a*", "*/b", "[bc]"]), min_size=1, max_size=2)
SPECS = st.builds(
    lambda destination: CopySpec(destination, ImagePath(b"a"), now_ns=9, mtime_limit_ns=7),
    st.sampled_from(["/", "/a", "/a/", "b/c", "./", "/new/deep/", "/new"]),
)


@dataclass(frozen=True)
class Copied:
    """A COPY, and what is placed: nothing where the files do not fit the destination."""

    spec: CopySpec
    sources: list[str]
    source: TreeIndex
    destination: TreeIndex
    keep_owner: bool

    @property
    def placed(self):
        try:
            selected = select(self.sources, self.source)
            part = TreePart(self.source, selected, keep_owner=self.keep_owner)
            return place(self.spec, [part], self.destination)
        except (PlacementError, SourceMissing):
            return ()


COPIES = st.builds(Copied, SPECS, SOURCES, TREES, TREES, st.booleans())


@settings(deadline=None)
@given(COPIES)
def test_the_layer_applies_to_exactly_the_entries_it_holds(copied):
    placed, destination = copied.placed, copied.destination
    result = destination.copy()
    result.apply(one.entry for one in placed)
    for one in placed:
        assert result.get(one.entry.path) == one.entry

    untouched = {entry.path for entry in destination.walk()} - {p.entry.path for p in placed}
    for path in untouched:
        assert result.get(path) == destination.get(path)
    assert len(result) == len(destination) + sum(
        destination.get(one.entry.path) is None for one in placed
    )


@settings(deadline=None)
@given(COPIES)
def test_every_entry_is_below_a_parent_that_comes_before_it(copied):
    destination = copied.destination
    there = {b"", *(e.path for e in destination.walk() if e.kind is Kind.DIRECTORY)}
    for one in copied.placed:
        assert one.entry.parent in there
        if one.entry.kind is Kind.DIRECTORY:
            there.add(one.entry.path)


@settings(deadline=None)
@given(COPIES)
def test_an_entry_is_a_copy_of_its_source(copied):
    for one in copied.placed:
        assert one.entry.mtime_ns <= 7
        if one.source is None or one.entry.kind is Kind.DIRECTORY:
            continue
        original = copied.source.get(one.source)
        assert (one.entry.kind, one.entry.mode) == (original.kind, original.mode)
        assert one.entry.uid == (original.uid if copied.keep_owner else 0)


@settings(deadline=None)
@given(COPIES)
def test_every_selected_file_is_placed_under_its_name_or_the_destinations(copied):
    placed, spec = copied.placed, copied.spec
    if not placed:
        return
    sources = {one.source: one.entry.path for one in placed}
    last = select(copied.sources, copied.source)[-1]
    if last.entry.kind is not Kind.DIRECTORY:
        path = sources[last.path]
        resolved = resolve(copied.destination, spec.target)
        names = {last.name, spec.target.name, resolved.name}
        assert path.rpartition(b"/")[2] in names


@settings(deadline=None)
@given(TREES)
def test_a_whole_context_into_an_empty_image_is_the_context(source):
    part = TreePart(source, select(["."], source), keep_owner=True)
    result = TreeIndex()
    spec = CopySpec("/", ImagePath(b""), now_ns=9)
    result.apply(one.entry for one in place(spec, [part], TreeIndex()))
    assert list(result.walk()) == list(source.walk())
