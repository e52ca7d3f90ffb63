"""An image's files as one tar or in a directory: what is left when its layers lie on each other."""

import io
import os
import random
import stat
import tarfile

import pytest

from pybuild.archive.errors import ArchiveError
from pybuild.errors import IntegrityError, StateError
from pybuild.layers.whiteouts import decode
from pybuild.store.files_directory import export_local
from pybuild.store.files_tar import export_tar
from pybuild.tree.entry import Entry, Kind
from tools.layer_samples import (
    OWN,
    S,
    apply_members,
    directory,
    fail,
    file,
    hard_link,
    symlink,
    tar_of,
    walk,
)

BIG = os.urandom(3 << 20)


def whiteout(path):
    parent, _, name = path.rpartition(b"/")
    return file(parent + b"/.wh." + name if parent else b".wh." + name)


def opaque(path):
    return file(path + b"/.wh..wh..opq")


def opened(*layers):
    """Layers as callables, in pieces that cut headers and files."""

    def open_layer(data):
        return lambda: (data[at : at + 1000] for at in range(0, len(data), 1000))

    return [open_layer(tar_of(*members)) for members in layers]


def flat(*layers):
    """The tar's members in order: name, type, link target, content."""
    sink = io.BytesIO()
    export_tar(opened(*layers), sink, decode=decode)
    sink.seek(0)
    with tarfile.open(fileobj=sink) as archive:
        return [
            (
                info.name,
                info.type.decode(),
                info.linkname,
                archive.extractfile(info).read() if info.isreg() else b"",
            )
            for info in archive
        ]


F, D, L, H = "0", "5", "2", "1"


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        pytest.param(
            [[file(b"a", b"1")], [file(b"a", b"22")]], [("a", F, "", b"22")], id="replaced"
        ),
        pytest.param([[file(b"a", b"1")], [whiteout(b"a")]], [], id="whiteout"),
        pytest.param(
            [[directory(b"d"), file(b"d/a", b"1")], [opaque(b"d"), file(b"d/b", b"2")]],
            [("d/b", F, "", b"2"), ("d", D, "", b"")],
            id="opaque",
        ),
        pytest.param(
            [[directory(b"d"), file(b"d/a", b"1")], [file(b"d/b", b"2"), opaque(b"d")]],
            [("d/b", F, "", b"2"), ("d", D, "", b"")],
            id="opaque after what the layer wrote",
        ),
        pytest.param(
            [[directory(b"d"), file(b"d/a", b"1")], [file(b"d", b"2")]],
            [("d", F, "", b"2")],
            id="a directory becomes a file",
        ),
        pytest.param(
            [[file(b"d", b"2")], [directory(b"d"), file(b"d/a", b"1")]],
            [("d/a", F, "", b"1"), ("d", D, "", b"")],
            id="a file becomes a directory",
        ),
        pytest.param(
            [[file(b"a", b"old")], [hard_link(b"b", b"a")], [file(b"a", b"new")]],
            [("b", F, "", b"old"), ("a", F, "", b"new")],
            id="a hard link outlives the name it was made from",
        ),
        pytest.param(
            [[file(b"z", b"1"), hard_link(b"a", b"z")], [hard_link(b"m", b"z")]],
            [("a", F, "", b"1"), ("m", H, "a", b""), ("z", H, "a", b"")],
            id="hard links across layers",
        ),
        pytest.param(
            [[symlink(b"s", b"/x"), hard_link(b"t", b"s")]],
            [("s", L, "/x", b""), ("t", H, "s", b"")],
            id="hard link to a symbolic link",
        ),
        pytest.param(
            [[file(b"e"), hard_link(b"f", b"e")]],
            [("e", F, "", b""), ("f", H, "e", b"")],
            id="hard link to an empty file",
        ),
        pytest.param(
            [[directory(b"usr"), directory(b"usr/lib"), symlink(b"lib", b"usr/lib")],
             [file(b"lib/x", b"1")]],
            [("usr/lib/x", F, "", b"1"), ("lib", L, "usr/lib", b""), ("usr/lib", D, "", b""),
             ("usr", D, "", b"")],
            id="through a link of a lower layer",
        ),
        pytest.param(
            [[file(b"z", b"1")], [directory(b"d")], [file(b"b", b"2"), file(b"a", b"3")]],
            [("z", F, "", b"1"), ("b", F, "", b"2"), ("a", F, "", b"3"), ("d", D, "", b"")],
            id="files in the order of the layers",
        ),
        pytest.param([[file(b"a", b"1"), file(b"a", b"2")]], [("a", F, "", b"2")], id="twice"),
        pytest.param(
            [[file(b"d/a", b"1")]], [("d/a", F, "", b"1"), ("d", D, "", b"")], id="no parent"
        ),
        pytest.param([[directory(b"", 0o700)]], [], id="the root is left out"),
        pytest.param([], [], id="no layer"),
    ],
)  # fmt: skip
def test_layers_lie_on_each_other(layers, expected):
    assert flat(*layers) == expected


def test_everything_a_header_says_is_kept(tmp_path):
    entries = [
        Entry(b"d", Kind.DIRECTORY, 0o1777, 12, 34, 5 * S),
        Entry(b"f", Kind.FILE, 0o4755, 2_000_000, 3_000_000, 6 * S, 1, xattrs=((b"user.a", b"b"),)),
        Entry(b"c", Kind.CHARACTER_DEVICE, 0o660, 0, 6, 7 * S, device=(5, 1)),
        Entry(b"l", Kind.SYMLINK, 0o777, 7, 8, 8 * S, link=b"x" * 200),
        Entry(b"p" * 255 + b"/" + b"\xff" * 200, Kind.FIFO, 0o600, mtime_ns=9 * S),
    ]
    members = [(entry, b"x" * entry.size) for entry in entries]
    export_tar(opened(members), tmp_path / "1.tar", decode=decode)
    (again,) = [(tmp_path / "1.tar").read_bytes()]
    parent = directory(b"p" * 255, uid=0, gid=0, mtime_ns=0)
    expected = [members[1], members[2], members[3], members[4], parent, members[0]]
    assert again == tar_of(*expected)


def test_a_large_file_goes_through_in_pieces():
    assert flat([file(b"a", b"1"), file(b"big", BIG)])[1] == ("big", F, "", BIG)


def random_layers(seed):
    """Layers of few names, so that everything meets everything; each makes sense on the last."""
    chance = random.Random(seed)
    layers = []
    for number in range(4):
        members, files = [], []
        for name in sorted(chance.sample([b"a", b"b", b"d", b"d/a", b"d/b", b"d/e", b"d/e/a"], 5)):
            kinds = ["directory"] * 9 if name in {b"d", b"d/e"} else ["file", "link"]
            what = chance.choice([*kinds, "symlink", "whiteout"])
            if what == "directory":
                members.append(directory(name, chance.choice([0o755, 0o1777])))
            elif what == "symlink":
                members.append(symlink(name, chance.choice([b"a", b"/nowhere"])))
            elif what == "link" and files:
                members.append(hard_link(name, chance.choice(files)))
            elif what == "whiteout":
                members.append(whiteout(name))
            else:
                members.append(file(name, chance.choice([b"", b"%d" % number, b"more"])))
                files.append(name)
        if chance.random() < 0.5 and directory(b"d") in members:
            members.append(opaque(b"d"))
        layers.append(members)
    return layers


def without_times_of_links(found):
    """Python's tarfile does not set them."""
    return {
        path: value[:4] + value[5:] if value[0] == "symlink" else value
        for path, value in found.items()
    }


def names_of_one_file(root):
    found = {}
    for folder, _, files in os.walk(root):
        for name in files:
            path = os.path.join(folder, name)  # noqa: PTH118 - os.walk's own
            found.setdefault(os.lstat(path).st_ino, set()).add(os.path.relpath(path, root))
    return sorted(map(sorted, found.values()))


def test_the_tar_and_the_directory_are_what_unpacking_layer_by_layer_gives(tmp_path):
    compared = 0
    for seed in range(20):
        layers = random_layers(seed)
        one_by_one, at_once, local = (tmp_path / f"{seed}-{name}" for name in "abc")
        one_by_one.mkdir()
        at_once.mkdir()
        try:
            for members in layers:
                apply_members(one_by_one, *members)
        except IntegrityError:
            continue  # it makes no sense: a hard link to what is not there, say
        compared += 1
        sink = io.BytesIO()
        export_tar(opened(*layers), sink, decode=decode)
        with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as archive:
            archive.extractall(at_once, filter="fully_trusted")  # noqa: S202 - our own
        export_local(opened(*layers), local, decode=decode, warn=fail)
        expected, links = walk(one_by_one), names_of_one_file(one_by_one)
        assert without_times_of_links(walk(at_once)) == without_times_of_links(expected), seed
        assert walk(local) == expected, seed
        assert names_of_one_file(at_once) == links, seed
        assert names_of_one_file(local) == links, seed
    assert compared > 10


def test_the_same_layers_give_the_same_tar(tmp_path):
    layers = [[file(b"a", BIG), symlink(b"s", b"a")], [hard_link(b"b", b"a"), directory(b"d")]]
    export_tar(opened(*layers), tmp_path / "1", decode=decode)
    export_tar(opened(*layers), tmp_path / "2", decode=decode)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_a_layer_that_gives_nothing_is_read_once():
    calls = []

    def counted(at, layer):
        def open_layer():
            calls.append(at)
            return layer()

        return open_layer

    layers = opened([file(b"a", b"1")], [file(b"b", b"1")], [file(b"a", b"2")])
    export_tar([counted(at, it) for at, it in enumerate(layers)], io.BytesIO(), decode=decode)
    assert calls == [0, 1, 2, 1, 2]


def cut(data):
    def chunks():
        yield data[: len(data) // 2]
        raise ArchiveError("the gzip stream is cut off")

    return chunks


BROKEN = {
    "layer 2 of 2: the gzip stream is cut off": cut(tar_of(file(b"a", BIG))),
    "layer 2 of 2: the tar is cut off": lambda: iter([tar_of(file(b"a", BIG))[:5000]]),
    "layer 2 of 2: the root of the tree would become a file": opened([file(b"")])[0],
    "layer 2 of 2: /l/x: too many levels of symbolic links": opened(
        [symlink(b"l", b"l"), file(b"l/x")]
    )[0],
    "/b is a hard link to /a, which is not a file": opened([hard_link(b"b", b"a")])[0],
}


def changing(first, second):
    answers = iter([first, second])
    return lambda: iter([next(answers)])


@pytest.mark.parametrize("kind", ["tar", "local"])
@pytest.mark.parametrize("message", [*BROKEN, "layer 2 of 2 changed while it was read"])
def test_a_layer_that_is_wrong_leaves_nothing(tmp_path, kind, message):
    layer = BROKEN.get(message) or changing(tar_of(file(b"a", b"1")), tar_of(file(b"b", b"22")))
    layers = [*opened([file(b"first", b"1")]), layer]
    options = {"decode": decode} if kind == "tar" else {"decode": decode, "warn": fail}
    export = export_tar if kind == "tar" else export_local
    with pytest.raises(IntegrityError, match=message):
        export(layers, tmp_path / "out", **options)
    assert [path for path in tmp_path.rglob("*") if path.name != "out"] == []


def local(destination, *layers, warn=fail):
    export_local(opened(*layers), destination, decode=decode, warn=warn)


def test_a_directory_is_merged_with_what_is_there(tmp_path):
    (tmp_path / "mine").write_bytes(b"stays")
    (tmp_path / "d").mkdir(0o500)
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "gone").write_bytes(b"")
    (tmp_path / "outside").mkdir()
    (tmp_path / "e").symlink_to("outside")
    local(
        tmp_path,
        [
            directory(b"d", 0o750),
            file(b"d/x", b"1"),
            file(b"file", b"2"),
            directory(b"e"),
            file(b"e/x", b"3"),
        ],
    )
    found = walk(tmp_path)
    assert {path: value[-1] for path, value in found.items() if value[0] == "file"} == {
        b"mine": b"stays",
        b"d/x": b"1",
        b"file": b"2",
        b"e/x": b"3",
    }
    assert found[b"d"][:2] == ("directory", 0o750)
    assert found[b"d"][4] == S
    assert found[b"e"][0] == "directory"  # nothing went through the link
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "e", "file", "mine", "outside"]


def test_a_directory_may_be_written_twice(tmp_path):
    layer = [directory(b"d", 0o555), file(b"d/x", b"1", mode=0o444), symlink(b"l", b"d")]
    local(tmp_path / "out", layer)
    once = walk(tmp_path / "out")
    local(tmp_path / "out", layer)
    assert walk(tmp_path / "out") == once


def test_what_belongs_to_others_belongs_to_us_and_lends_nothing(tmp_path):
    others = {"uid": OWN["uid"] + 1, "gid": OWN["gid"] + 1}
    local(
        tmp_path,
        [
            file(b"theirs", b"1", mode=0o6755, **others),
            file(b"ours", b"1", mode=0o6755),
            symlink(b"link", b"x", **others),
        ],
    )
    found = {name: value[1:4] for name, value in walk(tmp_path).items()}
    assert found[b"theirs"] == (0o755, OWN["uid"], OWN["gid"])
    assert found[b"ours"] == (0o6755, OWN["uid"], OWN["gid"])
    assert found[b"link"][1:] == (OWN["uid"], OWN["gid"])


def test_what_cannot_be_had_here_is_warned_about_once(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "mknod", refuse)
    monkeypatch.setattr(os, "setxattr", refuse)
    warnings = []
    devices = [
        (Entry(name, Kind.CHARACTER_DEVICE, device=(1, 3)), b"") for name in (b"null", b"null2")
    ]
    marked = [file(name, b"1", xattrs=((b"trusted.a", b"b"),)) for name in (b"x", b"y")]
    local(tmp_path, [*devices, *marked], warn=warnings.append)
    assert warnings == [
        "extended attributes trusted.a cannot be set here (first at /x): Operation not permitted",
        "devices cannot be made here (first at /null): Operation not permitted",
    ]
    assert sorted(walk(tmp_path)) == [b"x", b"y"]


def test_pipes_and_names_that_are_no_utf8_are_made(tmp_path):
    pipe = Entry(b"\xff/pipe", Kind.FIFO, 0o640, mtime_ns=S, **OWN)
    local(tmp_path, [(pipe, b"")])
    path = os.fsencode(tmp_path) + b"/\xff/pipe"
    assert stat.S_ISFIFO(os.lstat(path).st_mode)
    assert walk(tmp_path)[b"\xff/pipe"][1] == 0o640


def test_a_full_disk_names_the_file_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StateError, match=r"cannot write .*/a after 0 bytes, 1 more are needed"):
        local(tmp_path, [file(b"a", b"1")])
    assert list(tmp_path.iterdir()) == []


def test_a_destination_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for export in (local, lambda path, layer: export_tar(opened(layer), path, decode=decode)):
        with pytest.raises(StateError, match=r"cannot write .*/file/out: .*") as caught:
            export(tmp_path / "file" / "out", [file(b"a", b"1")])
        reason = caught.value.message.partition("out: ")[2]
        assert reason in {"Not a directory", f"{tmp_path}/file is a file"}
