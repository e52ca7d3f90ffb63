"""Hostile layers: nothing outside the root changes, whatever they hold."""

import gzip
import os
import re

import pytest

from pybuild.digest import sha256_of
from pybuild.errors import IntegrityError
from pybuild.layers import beneath
from pybuild.oci import media
from pybuild.tree.entry import Entry, Kind
from tools.layer_samples import (
    OWN,
    S,
    apply_layer,
    apply_members,
    apply_tar,
    directory,
    file,
    hard_link,
    symlink,
    tar_of,
    walk,
)


@pytest.fixture(params=["openat2", "component by component"], autouse=True)
def resolution(request, monkeypatch):
    if request.param != "openat2":
        monkeypatch.setattr(beneath, "_openat2_works", lambda _: False)


@pytest.fixture(autouse=True)
def outside(tmp_path):
    """A directory beside the root; the test ends with a look at it."""
    place = tmp_path / "outside"
    (place / "sub").mkdir(parents=True)
    (place / "secret").write_bytes(b"secret")
    (place / "sub" / "file").write_bytes(b"kept")
    (place / "suid").write_bytes(b"")
    (place / "suid").chmod(0o700)
    before = walk(place), os.lstat(place).st_mtime_ns, os.lstat(place / "secret").st_nlink
    yield place
    assert (walk(place), os.lstat(place).st_mtime_ns, os.lstat(place / "secret").st_nlink) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "root"]


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "root"
    path.mkdir()
    return path


def inside(root, outside):
    """Where an absolute path of the outside leads when the root is ``/``."""
    return root / str(outside).lstrip("/")


@pytest.mark.parametrize("name", [b"../x", b"../outside/secret", b"a/../../outside/secret", b".."])
def test_names_that_climb_are_refused(root, name):
    with pytest.raises(IntegrityError, match=r"the layer sha256:.*climbs out"):
        apply_members(root, directory(b"a"), file(name, b"evil"))


def test_an_absolute_name_is_below_the_root(root, outside):
    name = os.fsencode(outside / "secret")
    apply_members(root, file(name, b"mine"))
    assert (inside(root, outside) / "secret").read_bytes() == b"mine"


TARGETS = ["absolute", "relative", "two steps"]


def links(kind, outside):
    return {
        "absolute": [symlink(b"link", os.fsencode(outside))],
        "relative": [symlink(b"link", b"../outside")],
        "two steps": [symlink(b"a", b".."), symlink(b"link", b"a/outside")],
    }[kind]


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("layers", [1, 2])
def test_files_under_a_linked_directory_stay_inside(root, outside, kind, layers):
    first = links(kind, outside)
    second = [
        file(b"link/secret", b"mine"),
        directory(b"link/sub", 0o700),
        symlink(b"link/suid", b"x"),
        hard_link(b"link/hard", b"link/secret"),
    ]
    if layers == 1:
        applied = apply_members(root, *first, *second)
    else:
        apply_members(root, *first)
        applied = apply_members(root, *second)
    real = inside(root, outside) if kind == "absolute" else root / "outside"
    assert (real / "secret").read_bytes() == b"mine"
    assert (real / "secret").stat().st_nlink == 2
    prefix = os.fsencode(real.relative_to(root))
    files = [entry.path for entry in applied if entry.kind is Kind.FILE]
    hard = [entry.link for entry in applied if entry.kind is Kind.HARDLINK]
    assert files == hard == [prefix + b"/secret"]


@pytest.mark.parametrize("kind", TARGETS)
def test_whiteouts_under_a_linked_directory_stay_inside(root, outside, kind):
    apply_members(root, *links(kind, outside))
    apply_members(
        root,
        file(b"link/.wh.secret"),
        file(b"link/sub/.wh..wh..opq"),
        file(b"link/.wh..wh..opq"),
    )


@pytest.mark.parametrize("kind", TARGETS)
def test_a_link_is_replaced_and_not_followed(root, outside, kind):
    for member in (file(b"link", b"mine"), directory(b"link"), hard_link(b"link", b"other")):
        apply_members(root, *links(kind, outside))
        apply_members(root, file(b"other"), member)
        assert not (root / "link").is_symlink()


def test_a_link_to_a_file_is_replaced_by_a_file(root, outside):
    target = os.fsencode(outside / "secret")
    applied = apply_members(root, symlink(b"f", target), file(b"f", b"mine", mode=0o4777))
    assert (root / "f").read_bytes() == b"mine"
    assert [entry.kind for entry in applied] == [Kind.SYMLINK, Kind.FILE]


@pytest.mark.parametrize("target", [b"../outside/secret", b"a/../../outside/secret"])
def test_a_hard_link_that_climbs_is_refused(root, target):
    with pytest.raises(IntegrityError, match="climbs out"):
        apply_members(root, hard_link(b"x", target))


def test_a_hard_link_to_a_path_of_the_host_is_looked_for_inside(root, outside):
    with pytest.raises(IntegrityError, match=r"cannot make /x, a hard link: No such file"):
        apply_members(root, hard_link(b"x", os.fsencode(outside / "secret")))


@pytest.mark.parametrize("kind", TARGETS)
def test_a_hard_link_through_a_linked_directory_is_looked_for_inside(root, outside, kind):
    with pytest.raises(IntegrityError, match="a hard link: No such file"):
        apply_members(root, *links(kind, outside), hard_link(b"x", b"link/secret"))


def test_a_hard_link_to_a_link_is_one_more_name_of_the_link(root, outside):
    apply_members(
        root,
        symlink(b"link", os.fsencode(outside / "secret")),
        hard_link(b"x", b"link"),
        file(b"x", b"mine"),
    )
    assert (root / "x").read_bytes() == b"mine"
    assert (root / "link").is_symlink()


def test_a_hard_link_to_a_directory_is_refused(root):
    with pytest.raises(IntegrityError, match="cannot make /x, a hard link"):
        apply_members(root, directory(b"d"), hard_link(b"x", b"d"))


def test_a_hard_link_cannot_replace_its_own_directory(root):
    with pytest.raises(IntegrityError, match="/d would replace its own directory"):
        apply_members(root, file(b"d/f"), hard_link(b"d", b"d/f"))


def test_a_hard_link_to_itself_changes_nothing(root):
    apply_members(root, file(b"f", b"data"), hard_link(b"f", b"f"))
    assert (root / "f").read_bytes() == b"data"


@pytest.mark.parametrize("name", [b"", b".", b"./", b"/"])
@pytest.mark.parametrize("kind", [Kind.SYMLINK, Kind.FILE, Kind.FIFO, Kind.HARDLINK])
def test_the_root_can_only_be_a_directory(root, name, kind):
    link = b"../outside" if kind is Kind.SYMLINK else b""
    with pytest.raises(IntegrityError, match="the root of the tree would become a"):
        apply_members(root, (Entry(name, kind, link=link, **OWN), b""))
    assert root.is_dir()
    assert not root.is_symlink()


@pytest.mark.parametrize("name", [b".wh.", b"a/.wh.", b".wh..", b"a/.wh...", b".wh..."])
def test_a_whiteout_of_nothing_is_refused(root, name):
    with pytest.raises(IntegrityError, match="is a whiteout of nothing"):
        apply_members(root, directory(b"a"), file(name))


def test_links_in_a_circle_are_refused(root):
    with pytest.raises(IntegrityError, match="Too many levels of symbolic links"):
        apply_members(root, symlink(b"a", b"b"), symlink(b"b", b"a"), file(b"a/x"))


def test_a_file_in_the_way_of_a_directory_is_refused(root):
    with pytest.raises(IntegrityError, match="cannot make /f/x, a file: Not a directory"):
        apply_members(root, file(b"f"), file(b"f/x"))


def test_a_path_of_many_directories_is_refused(root):
    with pytest.raises(IntegrityError, match="is deeper than 256 directories"):
        apply_members(root, file(b"d/" * 300 + b"x"))


def test_a_name_that_is_too_long_is_refused(root):
    with pytest.raises(IntegrityError, match="File name too long"):
        apply_members(root, file(b"d" * 300))


def test_duplicate_entries_the_last_one_wins(root):
    applied = apply_members(
        root,
        directory(b"a"),
        file(b"a/x", b"1"),
        file(b"a", b"2"),
        directory(b"a", 0o700, mtime_ns=5 * S),
        file(b"a/x", b"3"),
        file(b"a/x", b"4", mode=0o600),
    )
    expected = OWN["uid"], OWN["gid"]
    assert walk(root) == {
        b"a": ("directory", 0o700, *expected, 5 * S, b""),
        b"a/x": ("file", 0o600, *expected, S, b"4"),
    }
    assert [entry.path for entry in applied] == [b"a", b"a/x", b"a", b"a", b"a/x", b"a/x"]


def test_a_wrong_diff_id_is_an_error(root):
    data = tar_of(file(b"x"))
    with pytest.raises(IntegrityError, match=rf"tar is {sha256_of(data)}, .* says sha256:0000"):
        apply_tar(data, root, diff_id="sha256:" + "0" * 64)


def test_bytes_behind_the_end_belong_to_the_diff_id(root):
    data = tar_of(file(b"x")) + b"garbage"
    apply_tar(data, root)
    with pytest.raises(IntegrityError, match="the image's config says"):
        apply_tar(data, root, diff_id=sha256_of(data[: -len(b"garbage")]))


def test_an_unknown_media_type_is_named(root):
    for media_type in ("application/x-evil", media.DOCKER_FOREIGN_LAYER, media.OCI_MANIFEST):
        with pytest.raises(IntegrityError, match=re.escape(f"{media_type!r} is not the media")):
            apply_tar(tar_of(file(b"x")), root, media_type=media_type)


def test_a_cut_layer_is_an_error(root):
    packed = gzip.compress(tar_of(file(b"x", b"a" * 5000)))
    with pytest.raises(IntegrityError, match=r"the layer sha256:0.*: the gzip stream is cut off"):
        apply_layer(
            iter([packed[:-4]]),
            root,
            media_type=media.OCI_LAYER_GZIP,
            diff_id="sha256:" + "0" * 64,
            warn=print,
        )


def test_an_error_of_the_source_comes_through(root):
    def source():
        yield gzip.compress(tar_of(file(b"x")))
        raise IntegrityError("the blob has another digest")

    with pytest.raises(IntegrityError, match="the blob has another digest"):
        apply_layer(source(), root, media_type=media.OCI_LAYER_GZIP, diff_id=None, warn=print)
