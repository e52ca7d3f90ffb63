"""Applying layers and items: the tree is what they say, and the entries say what the tree is."""

import errno
import hashlib
import os
import stat
import threading
from pathlib import Path

import pytest

from pybuild.errors import IntegrityError, StateError
from pybuild.layers import beneath
from pybuild.layers.apply import apply_items, applying
from pybuild.oci import media
from pybuild.tree.entry import BytesContent, Entry, FileContent, Item, Kind
from pybuild.tree.index import TreeIndex
from tools.layer_samples import (
    OWN,
    S,
    apply_layer,
    apply_members,
    apply_tar,
    described,
    directory,
    fail,
    file,
    hard_link,
    symlink,
    tar_of,
    walk,
)

UID, GID = os.geteuid(), os.getegid()


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "root"
    path.mkdir()
    return path


def test_a_tree_is_what_the_layer_says(root):
    applied = apply_members(
        root,
        directory(b"", 0o711, mtime_ns=9 * S),
        directory(b"d", 0o2750, mtime_ns=2 * S),
        file(b"d/f", b"hello", mode=0o4755, mtime_ns=3 * S),
        symlink(b"d/s", b"../../nowhere", mtime_ns=4 * S),
        hard_link(b"h", b"d/f"),
        (Entry(b"p", Kind.FIFO, 0o622, mtime_ns=5 * S, **OWN), b""),
    )
    assert described(root) == ("directory", 0o711, UID, GID, 9 * S, b"")
    assert walk(root) == {
        b"d": ("directory", 0o2750, UID, GID, 2 * S, b""),
        b"d/f": ("file", 0o4755, UID, GID, 3 * S, b"hello"),
        b"d/s": ("symlink", 0o777, UID, GID, 4 * S, b"../../nowhere"),
        b"h": ("file", 0o4755, UID, GID, 3 * S, b"hello"),
        b"p": ("special", 0o622, UID, GID, 5 * S, b""),
    }
    assert (root / "h").samefile(root / "d" / "f")
    assert stat.S_ISFIFO((root / "p").stat().st_mode)
    assert applied[2].digest == hashlib.sha256(b"hello").digest()
    assert [entry.path for entry in applied] == [b"", b"d", b"d/f", b"d/s", b"h", b"p"]


@pytest.mark.parametrize("media_type", sorted({
    media.OCI_LAYER, media.OCI_LAYER_GZIP, media.OCI_LAYER_ZSTD,
    media.DOCKER_LAYER, media.DOCKER_LAYER_GZIP,
}))  # fmt: skip
def test_every_layer_type_is_read_by_its_bytes(root, media_type):
    data = tar_of(file(b"x", b"data"))
    apply_layer(iter([data]), root, media_type=media_type, diff_id=None, warn=fail)
    assert (root / "x").read_bytes() == b"data"


def test_missing_parents_are_made_the_same_everywhere(root):
    warnings = []
    applied = apply_members(root, file(b"a/b/c"), warn=warnings.append)
    assert [(e.path, e.kind, e.mode, e.uid, e.gid, e.mtime_ns) for e in applied[:2]] == [
        (b"a", Kind.DIRECTORY, 0o755, 0, 0, 0),
        (b"a/b", Kind.DIRECTORY, 0o755, 0, 0, 0),
    ]
    assert stat.S_IMODE((root / "a").stat().st_mode) == 0o755
    assert [(root / name).stat().st_mtime_ns for name in ("a", "a/b")] == [0, 0]


def test_directories_that_a_layer_does_not_name_keep_their_times(root):
    apply_members(root, directory(b"d", mtime_ns=7 * S), file(b"d/old"), file(b"d/gone"))
    os.utime(root, ns=(8 * S, 8 * S))
    apply_members(root, file(b"d/new"), file(b"d/.wh.gone"), file(b"top"))
    assert (root / "d").stat().st_mtime_ns == 7 * S
    assert root.stat().st_mtime_ns == 8 * S


def test_links_in_the_way_are_followed_and_the_entries_say_where_to(root):
    apply_members(root, directory(b"usr"), directory(b"usr/lib"), symlink(b"lib", b"usr/lib"))
    applied = apply_members(root, file(b"lib/x"), file(b"lib/.wh.y"), directory(b"lib/d"))
    assert [entry.path for entry in applied] == [b"usr/lib/x", b"usr/lib/y", b"usr/lib/d"]
    assert (root / "lib").is_symlink()
    assert (root / "usr/lib/x").is_file()


def test_a_dangling_link_in_the_way_gets_its_directory(root):
    applied = apply_members(root, symlink(b"run", b"/var/run"), file(b"run/x"), warn=lambda _: None)
    assert [entry.path for entry in applied] == [b"run", b"var", b"var/run", b"var/run/x"]


def test_link_targets_stay_as_they_are(root):
    targets = [b"dash", b"../../../../etc/pki/java/cacerts", b"/etc/x", b"\xff\n"]
    apply_members(root, *(symlink(b"%d" % n, target) for n, target in enumerate(targets)))
    assert [os.fsencode((root / str(n)).readlink()) for n in range(4)] == targets


def test_whiteouts_hide_what_was_below(root):
    apply_members(root, file(b"d/a"), file(b"d/b/c"), file(b"e"), warn=lambda _: None)
    applied = apply_members(root, file(b"d/.wh.b"), file(b".wh.e"), file(b"x/.wh.not-there"))
    assert sorted(walk(root)) == [b"d", b"d/a"]
    assert [(entry.path, entry.kind) for entry in applied] == [
        (b"d/b", Kind.WHITEOUT),
        (b"e", Kind.WHITEOUT),
        (b"x/not-there", Kind.WHITEOUT),
    ]


@pytest.mark.parametrize("first", [True, False], ids=["before", "behind"])
def test_opaque_whiteouts_never_hide_what_the_same_layer_wrote(root, first):
    base = [directory(b"d"), directory(b"d/s"), file(b"d/old"), file(b"d/s/old")]
    apply_members(root, *base)
    opaque = [file(b"d/.wh..wh..opq")]
    new = [file(b"d/new"), file(b"d/s/new")]
    applied = apply_members(root, *(opaque + new if first else new + opaque), warn=lambda _: None)
    assert sorted(walk(root)) == [b"d", b"d/new", b"d/s", b"d/s/new"]
    assert (b"d", Kind.OPAQUE) in [(entry.path, entry.kind) for entry in applied]


@pytest.mark.parametrize("first", [True, False], ids=["before", "behind"])
def test_whiteouts_never_hide_what_the_same_layer_wrote(root, first):
    apply_members(root, directory(b"d"), directory(b"d/s"), file(b"d/s/old"), file(b"d/old"))
    hide = [file(b".wh.d")]
    new = [directory(b"d"), file(b"d/new")]
    apply_members(root, *(hide + new if first else new + hide))
    assert sorted(walk(root)) == [b"d", b"d/new"]
    assert (root / "d").stat().st_mtime_ns == S


def test_files_of_aufs_mean_nothing(root):
    applied = apply_members(root, directory(b".wh..wh.plnk"), file(b".wh..wh.plnk/1"), file(b"x"))
    assert [entry.path for entry in applied] == [b"x"]
    assert sorted(walk(root)) == [b"x"]


def test_the_index_of_the_entries_is_the_tree(root):
    layers = [
        [directory(b"usr"), directory(b"usr/lib"), symlink(b"lib", b"usr/lib"), file(b"f", b"1")],
        [file(b"lib/x", b"2"), hard_link(b"usr/y", b"lib/x"), file(b"g/.wh.z"), file(b"f", b"3")],
        [file(b"usr/.wh.lib"), file(b"usr/lib/new", b"4"), directory(b"f")],
    ]
    index = TreeIndex()
    for members in layers:
        index.apply(apply_members(root, *members, warn=lambda _: None))
    on_disk = walk(root)
    indexed = {entry.path: entry for entry in index.walk()}
    assert sorted(indexed) == sorted(on_disk)
    for path, entry in indexed.items():
        kind, mode, _, _, mtime_ns, content = on_disk[path]
        assert (entry.kind.value, entry.mode, entry.mtime_ns) == (kind, mode, mtime_ns), path
        if entry.kind is Kind.FILE:
            assert entry.digest == hashlib.sha256(content).digest()


def test_modes_do_not_depend_on_the_umask(root):
    before = os.umask(0o077)
    try:
        apply_members(root, directory(b"d", 0o777), file(b"f", mode=0o666))
    finally:
        os.umask(before)
    assert {path: facts[1] for path, facts in walk(root).items()} == {b"d": 0o777, b"f": 0o666}


def test_directories_without_rights_can_be_filled(root):
    apply_members(root, directory(b"d", 0o500), file(b"d/f"), directory(b"d/e", 0), file(b"d/e/f"))
    assert stat.S_IMODE((root / "d").stat().st_mode) == 0o500
    (root / "d").chmod(0o700)
    assert stat.S_IMODE((root / "d/e").stat().st_mode) == 0
    (root / "d/e").chmod(0o700)


def test_many_directories_do_not_need_many_descriptors(root):
    members = [file(b"%03d/f" % n) for n in range(700)]
    apply_members(root, *members, *reversed(members), warn=lambda _: None)
    assert len(walk(root)) == 1400


def open_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_nothing_stays_open_and_no_thread_stays(root):
    before = open_descriptors()
    with pytest.raises(IntegrityError):
        apply_members(root, file(b"a/b"), file(b"../x"), warn=lambda _: None)
    assert open_descriptors() == before
    assert [thread.name for thread in threading.enumerate() if thread.name == "layer"] == []


def refuse(number):
    def call(*_args, **_options):
        raise OSError(number, os.strerror(number))

    return call


def test_what_this_place_cannot_do_is_said_once_and_stays_in_the_entries(root, monkeypatch):
    monkeypatch.setattr(os, "fchown", refuse(errno.EPERM))
    monkeypatch.setattr(os, "chown", refuse(errno.EPERM))
    monkeypatch.setattr(os, "setxattr", refuse(errno.ENOTSUP))
    monkeypatch.setattr(os, "mknod", refuse(errno.EPERM))
    warnings = []
    xattrs = ((b"user.a", b"1"),)
    members = [
        file(b"a", mode=0o6755, xattrs=xattrs),
        file(b"b", xattrs=xattrs),
        symlink(b"c", b"a"),
        (Entry(b"d", Kind.CHARACTER_DEVICE, device=(1, 3)), b""),
        (Entry(b"e", Kind.BLOCK_DEVICE, device=(8, 1)), b""),
    ]
    applied = apply_members(root, *members, warn=warnings.append)
    assert warnings == [
        "owners cannot be set here (first at /a): Operation not permitted",
        "extended attributes user.a cannot be set here (first at /a): Operation not supported",
        "devices cannot be made here (first at /d): Operation not permitted",
    ]
    assert [(entry.path, entry.kind, entry.device) for entry in applied[3:]] == [
        (b"d", Kind.CHARACTER_DEVICE, (1, 3)),
        (b"e", Kind.BLOCK_DEVICE, (8, 1)),
    ]
    assert (applied[0].mode, applied[0].xattrs) == (0o6755, xattrs)
    assert walk(root)[b"a"][1] == 0o755  # never our own rights for a file meant for another


def test_the_owner_comes_before_the_set_id_bits_and_the_attributes(root, monkeypatch):
    calls = []
    for name in ("fchown", "fchmod", "setxattr"):
        monkeypatch.setattr(os, name, lambda *_a, _name=name, **_k: calls.append(_name))
    apply_members(root, file(b"f", mode=0o4755, xattrs=((b"security.capability", b"x"),)))
    assert calls == ["fchown", "fchmod", "setxattr"]


def test_a_device_that_overlayfs_takes_for_a_whiteout_is_not_made(root):
    warnings = []
    member = (Entry(b"d", Kind.CHARACTER_DEVICE, device=(0, 0)), b"")
    applied = apply_members(root, member, warn=warnings.append)
    assert [entry.path for entry in applied] == [b"d"]
    assert walk(root) == {}
    assert len(warnings) == 1


def test_a_full_disk_is_said_with_what_to_do(root, monkeypatch):
    monkeypatch.setattr(os, "write", refuse(errno.ENOSPC))
    with pytest.raises(StateError, match="cannot make /f, a file: No space left") as caught:
        apply_members(root, file(b"f", b"data"))
    assert "--state-dir" in caught.value.hint


def test_items_are_applied_like_a_layer(root, tmp_path):
    (tmp_path / "source").write_bytes(b"from a file")
    fields = {"mode": 0o640, "mtime_ns": S, **OWN}
    items = [
        Item(Entry(b"app", Kind.DIRECTORY, 0o755, mtime_ns=S, **OWN)),
        Item(Entry(b"app/a", Kind.FILE, size=11, **fields), FileContent(tmp_path / "source")),
        Item(Entry(b"app/b", Kind.FILE, size=2, **fields), BytesContent(b"in")),
        Item(Entry(b"app/c", Kind.FILE, size=0, **fields)),
        Item(Entry(b"app/d", Kind.SYMLINK, 0o777, link=b"a", mtime_ns=S, **OWN)),
    ]
    apply_items(items, root, warn=fail)
    assert walk(root) == {
        b"app": ("directory", 0o755, UID, GID, S, b""),
        b"app/a": ("file", 0o640, UID, GID, S, b"from a file"),
        b"app/b": ("file", 0o640, UID, GID, S, b"in"),
        b"app/c": ("file", 0o640, UID, GID, S, b""),
        b"app/d": ("symlink", 0o777, UID, GID, S, b"a"),
    }


def test_an_applied_item_is_given_on_with_its_bytes(root, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"small")
    item = Item(Entry(b"a", Kind.FILE, size=5, mtime_ns=S, **OWN), FileContent(source))
    with applying([item], root, warn=fail) as applied:
        given = next(applied)
        source.unlink()  # whoever packs it needs it no more
        assert (root / "a").read_bytes() == b"small"
        assert given == Item(item.entry, BytesContent(b"small"))
        assert list(applied) == []


def test_a_large_applied_item_is_given_on_as_it_came(root, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(bytes(1 << 20))
    item = Item(Entry(b"a", Kind.FILE, size=1 << 20, mtime_ns=S, **OWN), FileContent(source))
    with applying([item], root, warn=fail) as applied:
        assert list(applied) == [item]


def open_files():
    return len([*Path("/proc/self/fd").iterdir()])


def test_nothing_stays_open_where_an_applied_item_cannot_be_packed(root):
    items = [Item(Entry(b"d", Kind.DIRECTORY, 0o755, **OWN)), Item(Entry(b"d/a", Kind.FILE, **OWN))]
    before = open_files()

    def pack_one() -> None:
        with applying(items, root, warn=fail) as applied:
            next(applied)
            raise KeyError

    with pytest.raises(KeyError):
        pack_one()
    assert open_files() == before


def test_an_item_that_is_not_what_was_read_first_is_an_error(root):
    entry = Entry(b"a", Kind.FILE, size=1, digest=hashlib.sha256(b"x").digest(), **OWN)
    with pytest.raises(IntegrityError, match="/a is not what it was when the build read it first"):
        apply_items([Item(entry, BytesContent(b"y"))], root, warn=fail)


def test_a_missing_root_is_a_state_error(tmp_path):
    with pytest.raises(StateError, match=r"cannot open the tree .*/none: No such file"):
        apply_tar(tar_of(), tmp_path / "none")


@pytest.mark.parametrize("works", [True, False])
def test_paths_are_followed_as_if_the_root_were_everything(root, monkeypatch, works):
    monkeypatch.setattr(beneath, "_openat2_works", lambda _: works)
    (root / "a/b").mkdir(parents=True)
    (root / "up").symlink_to("../../..")
    (root / "abs").symlink_to("/a/b")
    (root / "a/b/back").symlink_to("../../abs")
    (root / "a/b/top").symlink_to("/a")
    with beneath.Beneath(root) as dirs:
        for path, canonical in [
            (b"a/b", b"a/b"),
            (b"up/up/a", b"a"),
            (b"abs", b"a/b"),
            (b"abs/back/back", b"a/b"),
            (b"a/b/top/b", b"a/b"),
        ]:
            found, fd = dirs.find(path)
            assert found == canonical
            assert os.path.sameopenfile(fd, dirs.open(canonical))
        with pytest.raises(OSError, match=r"symbolic link|Not a directory"):
            dirs.open(b"abs")
        with pytest.raises(FileNotFoundError):
            dirs.find(b"up/none/x")
