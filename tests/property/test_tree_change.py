"""For any two trees: the layer between them, applied to the first, gives the second."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from pybuild.tree.change import changes
from pybuild.tree.entry import Candidate, Entry, Kind
from pybuild.tree.index import TreeIndex

S = 1_000_000_000
NAMES = st.sampled_from([b"a", b"b", b"a-b"])
TIMES = st.sampled_from([0, S, S + 5])
IDS = st.sampled_from([0, 7])


def _file(content: bytes, mode: int, uid: int, mtime_ns: int) -> Entry:
    digest = hashlib.sha256(content).digest()
    return Entry(b"", Kind.FILE, mode, uid, 0, mtime_ns, len(content), digest=digest)


FILES = st.builds(
    _file, st.sampled_from([b"", b"one", b"two"]), st.sampled_from([0o644, 0o755]), IDS, TIMES
)
LINKS = st.builds(
    lambda target, mtime_ns: Entry(b"", Kind.SYMLINK, 0o777, mtime_ns=mtime_ns, link=target),
    st.sampled_from([b"a", b"../b", b"/a/b"]),
    TIMES,
)
DEVICES = st.builds(
    lambda minor: Entry(b"", Kind.CHARACTER_DEVICE, device=(1, minor)), st.integers(3, 5)
)
NODES = st.recursive(
    st.one_of(FILES, LINKS, DEVICES),
    lambda inner: st.tuples(IDS, TIMES, st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)
TREES = st.dictionaries(NAMES, NODES, max_size=3)


def _entries(names: dict, directory: bytes = b"") -> Iterator[Entry]:
    for name, node in names.items():
        path = directory + b"/" + name if directory else name
        if isinstance(node, Entry):
            yield node.at(path)
            continue
        uid, mtime_ns, below = node
        yield Entry(path, Kind.DIRECTORY, 0o755, uid, mtime_ns=mtime_ns)
        yield from _entries(below, path)


def _tree(names: dict) -> TreeIndex:
    made = TreeIndex()
    for entry in _entries(names):
        made.put(entry)
    return made


def _candidates(before: TreeIndex, after: TreeIndex) -> Iterator[Candidate]:
    """All names of both trees; equal files with content are names of one inode."""
    for path in {e.path for tree in (before, after) for e in tree.walk()}:
        entry = after.get(path)
        if entry is None or entry.kind is not Kind.FILE:
            yield Candidate(path, entry)
            continue
        same = (entry.digest, entry.mode, entry.uid, entry.mtime_ns)
        yield Candidate(path, entry, inode=(1, hash(same) & 0xFFFF_FFFF), links=2)


def _layer(before: TreeIndex, after: TreeIndex) -> tuple[Entry, ...]:
    def hash_file(path: bytes) -> bytes:
        entry = after.get(path)
        assert entry is not None
        return entry.digest

    return tuple(changes(before, _candidates(before, after), hash_file))


def _seen(tree: TreeIndex) -> list[tuple[Entry, int]]:
    """A tree as layers can tell it: times in whole seconds, numbers of files left out."""
    return [(Entry(**{**_fields(e), "mtime_ns": 0, "file_id": 0}), e.mtime_s) for e in tree.walk()]


def _fields(entry: Entry) -> dict:
    return {name: getattr(entry, name) for name in Entry.__slots__}


@settings(deadline=None)
@given(TREES, TREES)
def test_the_layer_between_two_trees_turns_one_into_the_other(before, after):
    old, new = _tree(before), _tree(after)
    result = old.copy()
    result.apply(_layer(old, new))
    assert _seen(result) == _seen(new)


@settings(deadline=None)
@given(TREES)
def test_a_tree_that_did_not_change_has_an_empty_layer(names):
    assert _layer(_tree(names), _tree(names)) == ()


@settings(deadline=None)
@given(TREES, TREES)
def test_a_layer_is_sorted_and_says_each_name_once_and_nothing_below_a_whiteout(before, after):
    layer = _layer(_tree(before), _tree(after))
    paths = [entry.path for entry in layer]
    assert paths == sorted(set(paths))
    hidden = [entry.path + b"/" for entry in layer if entry.kind is Kind.WHITEOUT]
    assert not [p for p in paths for prefix in hidden if p.startswith(prefix)]


@settings(deadline=None)
@given(TREES, TREES)
def test_a_hard_link_comes_after_its_file_in_the_same_layer(before, after):
    seen: set[bytes] = set()
    for entry in _layer(_tree(before), _tree(after)):
        if entry.kind is Kind.HARDLINK:
            assert entry.link in seen
        if entry.kind is Kind.FILE:
            seen.add(entry.path)
