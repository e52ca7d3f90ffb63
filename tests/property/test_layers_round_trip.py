"""What is packed and applied is what was there."""

import hashlib
import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pybuild.errors import IntegrityError
from pybuild.layers import whiteouts
from pybuild.layers.compression import GZIP, ZSTD
from pybuild.layers.pack import pack
from pybuild.store.blobs import LayoutStore
from pybuild.tree.entry import BytesContent, Entry, Item, Kind
from pybuild.tree.index import TreeIndex
from tools.layer_samples import OWN, S, apply_layer, apply_members, fail, walk

names = st.binary(min_size=1, max_size=120).filter(
    lambda name: name not in {b".", b".."} and not set(name) & {0, 0x2F} and name[:4] != b".wh."
)
modes = st.integers(0, 0o7777).map(lambda mode: mode | 0o400)  # the test reads them back
files = st.tuples(st.just(Kind.FILE), st.binary(max_size=2000), modes)
links = st.tuples(
    st.just(Kind.SYMLINK),
    st.binary(min_size=1, max_size=300).filter(lambda target: 0 not in target),
    st.just(0o777),
)
fifos = st.tuples(st.just(Kind.FIFO), st.just(b""), st.integers(0, 0o777))
trees = st.recursive(
    st.one_of(files, links, fifos),
    lambda below: st.dictionaries(names, below, max_size=4),
    max_leaves=12,
)
times = st.integers(0, 2**33)


def items_of(tree, time, path=b""):
    """Items of a nested mapping, in the order of their paths."""
    for name in sorted(tree):
        node, where = tree[name], path + b"/" + name if path else name
        fields = {"mtime_ns": time * S, **OWN}
        if isinstance(node, dict):
            yield Item(Entry(where, Kind.DIRECTORY, 0o755, **fields))
            yield from items_of(node, time, where)
            continue
        kind, value, mode = node
        if kind is Kind.FILE:
            entry = Entry(where, kind, mode, size=len(value), **fields)
            yield Item(entry, BytesContent(value))
        else:
            link = value if kind is Kind.SYMLINK else b""
            yield Item(Entry(where, kind, mode, link=link, **fields))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(names, trees, max_size=5), times, st.sampled_from([GZIP, ZSTD]))
def test_pack_and_apply_give_the_same_tree(tree, time, compression):
    items = list(items_of(tree, time))
    with tempfile.TemporaryDirectory() as directory:
        store = LayoutStore(Path(directory, "store"))
        root = Path(directory, "root")
        root.mkdir()
        packed = []
        layer = pack(items, store, compression=compression, record=packed.append)
        with store.open(layer.descriptor) as blob:
            applied = apply_layer(
                iter(lambda: blob.read(777), b""),
                root,
                media_type=layer.descriptor.media_type,
                diff_id=layer.diff_id,
                warn=fail,
            )
        on_disk = walk(root)
    assert applied == tuple(packed)
    assert set(on_disk) == {entry.path for entry in applied}
    for entry in applied:
        kind, mode, uid, gid, mtime_ns, content = on_disk[entry.path]
        assert (mode, uid, gid) == (entry.mode, entry.uid, entry.gid)
        assert mtime_ns == entry.mtime_ns
        match entry.kind:
            case Kind.FILE:
                assert (kind, entry.digest) == ("file", hashlib.sha256(content).digest())
            case Kind.SYMLINK:
                assert (kind, content) == ("symlink", entry.link)
            case Kind.DIRECTORY:
                assert kind == "directory"
            case _:
                assert kind == "special"


def test_the_walk_of_this_test_sees_what_is_there(tmp_path):
    (tmp_path / "f").write_bytes(b"x")
    assert walk(tmp_path)[b"f"][:4] == (
        "file",
        0o666 & ~current_umask(),
        os.geteuid(),
        os.getegid(),
    )


def current_umask():
    value = os.umask(0)
    os.umask(value)
    return value


MEMBERS = st.one_of(
    st.builds(lambda path, n: Entry(path, Kind.FILE, size=n, mtime_ns=S, **OWN), st.sampled_from(
        [b"a", b"b", b"d/a", b"d/b"]), st.integers(0, 2)),
    st.builds(lambda path, to: Entry(path, Kind.HARDLINK, link=to, **OWN),
              st.sampled_from([b"b", b"d/b", b"d/c"]), st.sampled_from([b"a", b"d/a"])),
    st.builds(lambda path: Entry(path, Kind.DIRECTORY, 0o755, mtime_ns=S, **OWN),
              st.sampled_from([b"a", b"d", b"d/b"])),
    st.builds(lambda path, to: Entry(path, Kind.SYMLINK, 0o777, link=to, **OWN),
              st.sampled_from([b"a", b"d"]), st.sampled_from([b"a", b"/d", b"e/f", b"nowhere"])),
    st.builds(lambda path, kind: Entry(path, kind, mtime_ns=S),
              st.sampled_from([b"a", b"d", b"d/b"]), st.sampled_from(
                  [Kind.WHITEOUT, Kind.OPAQUE])),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(MEMBERS, max_size=5), max_size=3))
def test_the_index_of_any_layers_is_the_tree_on_disk(layers):
    index = TreeIndex()
    read_only = TreeIndex()  # of who reads the layers and has no tree on disk
    with tempfile.TemporaryDirectory() as root:
        for entries in layers:
            members = [(whiteouts.encode(entry), b"x" * entry.size) for entry in entries]
            try:
                applied = apply_members(root, *members, warn=lambda _: None)
            except IntegrityError:  # a hard link to what is not there
                return
            index.apply(applied)
            read_only.apply(entries)
        on_disk = walk(root)
        inodes = {
            path: Path(root, os.fsdecode(path)).lstat().st_ino
            for path, facts in on_disk.items()
            if facts[0] == "file"
        }
    assert {entry.path for entry in index.walk()} == set(on_disk)
    assert {entry.path: entry.kind for entry in read_only.walk()} == {
        entry.path: entry.kind for entry in index.walk()
    }
    files = [entry for entry in index.walk() if entry.kind is Kind.FILE]
    assert {entry.path for entry in files} == set(inodes)
    for one in files:
        for other in files:
            is_one_file = one.path == other.path or one.file_id == other.file_id != 0
            assert is_one_file == (inodes[one.path] == inodes[other.path])
