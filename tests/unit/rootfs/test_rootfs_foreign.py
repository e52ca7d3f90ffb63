import os
import shutil

import pytest

from pybuild.errors import HostUnsupported, IntegrityError
from pybuild.rootfs import foreign, mounts, snapshot
from pybuild.rootfs.foreign import ForeignMounts
from pybuild.rootfs.layout import Layout


@pytest.fixture
def root(tmp_path):
    for path in ("volume/a/b", "volume/state", "app/data", "pybuild/stages/s"):
        (tmp_path / path).mkdir(parents=True)
    for path in ("volume/a/b/c", "volume/state/blob", "volume/d"):
        (tmp_path / path).touch()
    return tmp_path


@pytest.fixture
def watch(root, monkeypatch):
    points = {1: os.fsencode(root / "volume"), 2: os.fsencode(root / "app/data")}
    monkeypatch.setattr(mounts, "mount_points", lambda: points)
    seen = []
    state = os.fsencode(root / "volume/state")
    found = ForeignMounts(
        Layout(os.fsencode(root)), lambda event: seen.append(event.message), [state]
    )
    assert found.present() == (b"app/data", b"volume")

    def after(change, kept=()):
        with found.watched(found.present(), kept):
            snapshot.wait_for_tick(os.fsencode(root / "tick"))
            change(root / "volume")
        return seen

    return after


@pytest.mark.parametrize(
    ("made", "read_only", "reason"),
    [
        ("", False, ""),
        ("volume/x", False, "hides what the image has there"),
        ("volume/x", True, "hides what the image has there"),
        ("volume", False, "the image has a directory there"),
        ("volume", True, ""),
    ],
)
def test_a_mount_is_in_the_way_of_what_the_image_has(tmp_path, made, read_only, reason):
    (tmp_path / made).mkdir(parents=True, exist_ok=True)
    assert foreign.use_of(os.fsencode(tmp_path), b"volume", read_only=read_only) == reason


@pytest.mark.parametrize(
    ("mount", "read_only", "reason"),
    [
        (b"app/data", False, "lies in /app of the image"),
        (b"app/data", True, ""),
        (b"etc/podinfo", False, ""),
        (b"app/file", True, "hides what the image has there"),
        (b"link/data", False, ""),
        (b"other/data", False, ""),
    ],
)
def test_a_mount_in_a_directory_of_the_image_s_own_is_in_the_way(
    tmp_path, mount, read_only, reason
):
    (tmp_path / "app").mkdir()
    (tmp_path / "app/file").touch()
    (tmp_path / "etc").mkdir()
    (tmp_path / "link").symlink_to("app")
    assert foreign.use_of(os.fsencode(tmp_path), mount, read_only=read_only) == reason


def test_the_mount_is_named_when_a_run_is_refused(tmp_path):
    tree = tmp_path / "pybuild/stages/s"
    (tree / "app").mkdir(parents=True)
    found = ForeignMounts(Layout(os.fsencode(tmp_path)), lambda _: None)
    with pytest.raises(HostUnsupported) as caught:
        found.refuse(os.fsencode(tree), [b"volume", b"app/data"])
    assert caught.value.message == (
        "/app/data is a mount of this container, and lies in /app of the image"
    )


NAMED = "the command wrote to a mount of this container, not the image: "


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda _: None, None),
        (lambda volume: (volume / "a/b/c").write_text("x"), "/volume/a/b/c"),
        (lambda volume: (volume / "a/b/new/er").mkdir(parents=True), "/volume/a/b/new"),
        (lambda volume: (volume / "a").chmod(0o700), "/volume/a"),
        (lambda volume: [(volume / f"{n}").touch() for n in range(7)],
         "/volume/0, /volume/1, /volume/2, /volume/3, /volume/4 and 2 more"),
        (lambda volume: (volume / "state/blob").unlink(), None),
    ],
)  # fmt: skip
def test_a_write_is_named_however_deep_and_the_builder_s_own_are_not(watch, change, named):
    assert watch(change) == ([] if named is None else [NAMED + named])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda volume: (volume / "a/b/c").unlink(), "/volume/a/b/c"),
        (lambda volume: shutil.rmtree(volume / "a"), "/volume/a/b/c"),
        (lambda volume: (volume / "a").rename(volume / "x"), "/volume/a/b/c"),
    ],
)
def test_a_deletion_is_an_integrity_error(watch, change, named):
    with pytest.raises(IntegrityError) as caught:
        watch(change)
    assert caught.value.message == (f"the command deleted from a mount of this container: {named}")


def test_what_is_kept_on_purpose_is_no_write(watch, root):
    kept = [os.fsencode(root / "volume/a")]
    assert watch(lambda volume: shutil.rmtree(volume / "a/b"), kept) == []


def test_a_look_goes_no_further_than_is_affordable(root, monkeypatch):
    monkeypatch.setattr(foreign, "_MOST_LOOKED_AT", 4)
    seen = foreign.look(os.fsencode(root), [b"volume"])
    assert seen.keys.keys() == {b"volume", b"volume/a", b"volume/d", b"volume/state"}
    (root / "volume/a/b/c").unlink()
    again = foreign.look(os.fsencode(root), [b"volume"], (), seen.listed)
    assert again.keys.keys() == seen.keys.keys()
