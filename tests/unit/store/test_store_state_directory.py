"""The state directory: one that cannot be written ends the build before anything else."""

import errno
import os
import tempfile
from types import SimpleNamespace

import pytest

from pybuild import events, prepare
from pybuild.errors import StateError
from pybuild.store.state_directory import require_writable


def test_it_is_made_and_nothing_is_left_in_it(tmp_path):
    require_writable(tmp_path / "a" / "state")
    require_writable(tmp_path / "a" / "state")
    assert list((tmp_path / "a").rglob("*")) == [tmp_path / "a" / "state"]


@pytest.mark.parametrize(
    ("place", "why", "hint"),
    [
        ("file", "it is not a directory", "choose a directory with --state-dir"),
        ("file/state", "Not a directory", "choose a directory with --state-dir"),
        (
            "/proc/x",
            "No such file or directory",
            "choose a directory that can be written, with --state-dir",
        ),
    ],
)
def test_a_place_that_cannot_be_one(tmp_path, place, why, hint):
    (tmp_path / "file").touch()
    with pytest.raises(StateError) as caught:
        require_writable(tmp_path / place)
    what = f"the state directory {tmp_path / place} cannot be written: {why}"
    assert (caught.value.message, caught.value.hint) == (what, hint)


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.EROFS, "mount a volume there, or choose a directory that can be written"),
        (errno.EACCES, "choose a directory that this user can write"),
        (errno.ENOSPC, "free some space"),
        (errno.EIO, "choose a directory that can be written"),
    ],
)
def test_a_directory_that_refuses(tmp_path, monkeypatch, number, hint):
    def refuse(**_options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(StateError) as caught:
        require_writable(tmp_path)
    assert caught.value.message == (
        f"the state directory {tmp_path} cannot be written: {os.strerror(number)}"
    )
    assert caught.value.hint.startswith(hint)


def test_a_build_looks_at_it_before_it_tries_how_to_run(tmp_path, monkeypatch):
    def tried(*_arguments):
        raise AssertionError

    monkeypatch.setattr(prepare, "open_rootfs", tried)
    (tmp_path / "file").touch()
    request = SimpleNamespace(state_dir=tmp_path / "file", rootfs="auto")
    with (
        pytest.raises(StateError, match="cannot be written: it is not a directory"),
        prepare.prepared(request, events.ignore, None),
    ):
        pass
