"""What layers hold that not every place can have, and what is rare but must come through."""

import os
import shutil
import stat
import subprocess

import pytest

from pybuild.digest import sha256_of
from pybuild.errors import IntegrityError
from pybuild.layers.apply import unpack_layer
from pybuild.layers.pack import pack
from pybuild.oci import media
from pybuild.store.blobs import LayoutStore
from pybuild.tree.change import changes
from pybuild.tree.entry import BytesContent, Candidate, Entry, Item, Kind
from pybuild.tree.index import TreeIndex
from tools.layer_samples import (
    OWN,
    S,
    apply_layer,
    apply_members,
    apply_tar,
    directory,
    fail,
    file,
    hard_link,
    symlink,
    tar_of,
    walk,
)


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture
def no_mknod(monkeypatch):
    """A place without CAP_MKNOD, as podman's and Kubernetes' containers are."""
    real = os.mknod

    def mknod(path, mode=0o600, device=0, *, dir_fd=None):
        if not stat.S_ISFIFO(mode):
            if os.access(path, os.F_OK, dir_fd=dir_fd, follow_symlinks=False):
                raise FileExistsError(17, "File exists")  # the kernel looks for the name first
            raise PermissionError(1, "Operation not permitted")
        real(path, mode, device, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mknod", mknod)


def device(path, minor=3):
    return Entry(path, Kind.CHARACTER_DEVICE, 0o666, device=(1, minor), mtime_ns=S, **OWN), b""


@pytest.mark.usefixtures("no_mknod")
def test_a_device_that_cannot_be_made_is_said_once_and_stays_in_the_tree(root):
    warnings = []
    applied = apply_members(
        root, directory(b"dev"), device(b"dev/null"), device(b"dev/zero", 5), warn=warnings.append
    )
    assert sorted(walk(root)) == [b"dev"]
    index = TreeIndex()
    index.apply(applied)
    assert index.get(b"dev/null") == device(b"dev/null")[0]
    assert warnings == ["devices cannot be made here (first at /dev/null): Operation not permitted"]


@pytest.mark.usefixtures("no_mknod")
def test_a_device_that_cannot_be_made_is_carried_into_a_later_layer(root, tmp_path):
    index = TreeIndex()
    index.apply(apply_members(root, device(b"dev/null"), warn=lambda _: None))
    (root / "dev/new").write_bytes(b"x")
    seen = Candidate(b"dev", Entry(b"dev", Kind.DIRECTORY, 0o700, **OWN))
    new = Candidate(b"dev/new", Entry(b"dev/new", Kind.FILE, size=1, **OWN))
    layer = changes(index, [seen, new], lambda _: b"")
    index.apply(layer)
    store = LayoutStore(tmp_path / "store")
    items = [Item(e, BytesContent(b"x") if e.kind is Kind.FILE else None) for e in index.walk()]
    entries = []
    pack(items, store, record=entries.append)
    assert [(e.path, e.kind, e.device) for e in entries] == [
        (b"dev", Kind.DIRECTORY, (0, 0)),
        (b"dev/new", Kind.FILE, (0, 0)),
        (b"dev/null", Kind.CHARACTER_DEVICE, (1, 3)),
    ]


@pytest.mark.usefixtures("no_mknod")
def test_what_had_a_devices_name_is_gone_although_the_device_cannot_be_made(root):
    apply_members(root, file(b"a", b"1"), directory(b"b"), file(b"b/c"))
    apply_members(root, device(b"a"), device(b"b"), warn=lambda _: None)
    assert walk(root) == {}


@pytest.mark.usefixtures("no_mknod")
def test_a_hard_link_to_a_device_that_cannot_be_made_is_recorded_too(root):
    members = [device(b"null"), file(b"also"), hard_link(b"also", b"null")]
    applied = apply_members(root, *members, warn=lambda _: None)
    assert walk(root) == {}
    index = TreeIndex()
    index.apply(applied)
    assert index.get(b"also").device == (1, 3)
    assert index.get(b"also").file_id == index.get(b"null").file_id != 0


@pytest.mark.usefixtures("no_mknod")
def test_a_file_that_took_the_place_of_such_a_device_can_be_linked(root):
    members = [device(b"x"), file(b"x", b"1"), hard_link(b"y", b"x")]
    apply_members(root, *members, warn=lambda _: None)
    assert (root / "x").samefile(root / "y")


def test_a_device_0_0_leaves_nothing_under_its_name(root):
    apply_members(root, file(b"d", b"1"))
    apply_members(root, (Entry(b"d", Kind.CHARACTER_DEVICE), b""), warn=lambda _: None)
    assert walk(root) == {}


@pytest.mark.usefixtures("no_mknod")
def test_fifos_need_no_rights(root):
    apply_members(root, (Entry(b"p", Kind.FIFO, 0o622, mtime_ns=S, **OWN), b""))
    assert stat.S_ISFIFO((root / "p").stat().st_mode)


def test_attributes_that_were_refused_are_named_for_later_steps(root, monkeypatch):
    def refuse(_target, name, _value):
        if name != b"user.kept":
            raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setxattr", refuse)
    unset = set()
    xattrs = ((b"trusted.a", b"1"), (b"user.kept", b"2"))
    data = tar_of(file(b"f", b"x", xattrs=xattrs), file(b"g", b"y", xattrs=xattrs))
    applied = apply_tar(data, root, warn=lambda _: None, unset_xattrs=unset)
    assert unset == {b"trusted.a"}
    assert [entry.xattrs for entry in applied] == [xattrs, xattrs]


NAMES = [b"n" * 255, b"\xff\xfe\x01", "é".encode(), b"new\nline", b" ", b"\\", b"-rf", b".wh"]


def test_every_name_that_a_file_can_have_comes_through(root, tmp_path):
    entries = [Entry(b"d", Kind.DIRECTORY, 0o755, mtime_ns=S, **OWN)]
    entries += [Entry(b"d/" + name, Kind.FILE, mtime_ns=S, **OWN) for name in sorted(NAMES)]
    store = LayoutStore(tmp_path / "store")
    packed = []
    layer = pack([Item(entry) for entry in entries], store, record=packed.append)
    with store.open(layer.descriptor) as blob:
        applied = apply_layer(
            iter([blob.read()]), root, media_type=media.OCI_LAYER_GZIP,
            diff_id=layer.diff_id, warn=fail,
        )  # fmt: skip
    assert applied == tuple(packed)
    assert sorted(os.listdir(os.fsencode(root / "d"))) == sorted(NAMES)  # noqa: PTH208 - bytes


KINDS = {
    "file": [file(b"x", b"1")],
    "directory": [directory(b"x"), file(b"x/y", b"2")],
    "link to a directory": [symlink(b"x", b"elsewhere")],
    "dangling link": [symlink(b"x", b"nowhere")],
    "fifo": [(Entry(b"x", Kind.FIFO, mtime_ns=S, **OWN), b"")],
    "hard link": [hard_link(b"x", b"elsewhere/f")],
}


@pytest.mark.parametrize("after", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("before", KINDS.values(), ids=KINDS)
def test_anything_replaces_anything_across_layers(root, before, after):
    base = [directory(b"elsewhere"), file(b"elsewhere/f", b"stays")]
    index = TreeIndex()
    for members in ([*base, *before], after):
        index.apply(apply_members(root, *members))
    on_disk = walk(root)
    names = {b"elsewhere", b"elsewhere/f", *(entry.path for entry, _ in after)}
    both = {entry.path for entry, _ in before} if before == after else set()
    assert set(on_disk) == {entry.path for entry in index.walk()} == names | both
    assert on_disk[b"elsewhere/f"][-1] == b"stays"
    for entry in index.walk():
        kind = "special" if entry.kind is Kind.FIFO else entry.kind.value
        assert on_disk[entry.path][0] == kind


def test_hard_links_across_directories_are_one_file(root):
    members = [directory(b"a"), file(b"a/f", b"x"), directory(b"b"), hard_link(b"b/g", b"a/f")]
    index = TreeIndex()
    index.apply(apply_members(root, *members, hard_link(b"h", b"b/g")))
    assert (root / "a/f").stat().st_nlink == 3
    assert index.get(b"a/f").file_id == index.get(b"b/g").file_id == index.get(b"h").file_id != 0


def test_long_runs_of_zeros_become_holes(root):
    data = b"a" * 4096 + bytes(8 << 20) + b"b" + bytes(4 << 20)
    applied = apply_members(root, file(b"f", data))
    status = (root / "f").stat()
    assert (root / "f").read_bytes() == data
    assert status.st_size == applied[0].size == len(data)
    assert sha256_of(data).endswith(applied[0].digest.hex())
    if os.statvfs(root).f_bsize <= 1 << 16:
        assert status.st_blocks * 512 < len(data) // 2


@pytest.mark.skipif(shutil.which("tar") is None, reason="needs GNU tar")
def test_a_sparse_file_in_a_layer_is_whole(root, tmp_path):
    with (tmp_path / "disk").open("wb") as disk:
        disk.write(b"boot")
        disk.truncate(3 << 20)
    command = ["tar", "--sparse", "--format=posix", "-c", "disk"]
    data = subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.PIPE).stdout
    applied = apply_tar(data, root, warn=lambda _: None)
    assert (root / "disk").read_bytes() == b"boot" + bytes((3 << 20) - 4)
    assert applied[0].size == 3 << 20


def test_a_type_that_nobody_knows_is_named(root):
    data = bytearray(tar_of(file(b"f")))
    data[156:157] = b"M"
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    with pytest.raises(IntegrityError, match="b'f': the tar type b'M' is not supported"):
        apply_tar(bytes(data), root)


def test_entries_can_be_taken_as_they_come(root):
    index = TreeIndex()
    data = tar_of(directory(b"d"), file(b"d/f", b"x"), file(b".wh.gone"))
    unpack_layer(
        iter([data]), root, media_type=media.OCI_LAYER, diff_id=None,
        warn=fail, record=index.update().add,
    )  # fmt: skip
    assert [entry.path for entry in index.walk()] == [b"d", b"d/f"]
    assert index.get(b"d/f").digest
