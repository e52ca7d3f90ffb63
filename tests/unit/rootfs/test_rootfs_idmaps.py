import os
from types import SimpleNamespace

import pytest

from pybuild.rootfs import idmaps
from pybuild.rootfs.run.userns import IdMap

DEFAULT_CAPABILITIES = 0xA80425FB
SINGLE = IdMap([[0, os.geteuid(), 1]], [[0, os.getegid(), 1]], single=True)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A plain user ``builder`` of id 1000, with ``newuidmap``, whom no file delegates anything."""
    monkeypatch.setattr(idmaps.syscalls, "permitted_capabilities", lambda: 0)
    monkeypatch.setattr(idmaps.os, "getuid", lambda: 1000)
    monkeypatch.setattr(idmaps.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(idmaps.os, "getegid", lambda: 1001)
    monkeypatch.setattr(idmaps.pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="builder"))
    monkeypatch.setattr(idmaps.shutil, "which", lambda name, path: f"/usr/bin/{name}")  # noqa: ARG005
    return tmp_path


def delegate(machine, text):
    for name in ("subuid", "subgid"):
        (machine / name).write_text(text)


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("builder:100000:65536\n", [[1, 100000, 65536]]),
        ("1000:7:2\nother:1:9\nbuilder:50:3\n", [[1, 7, 2], [3, 50, 3]]),
    ],
)
def test_delegated_ranges_follow_our_own_id(machine, text, ranges):
    delegate(machine, text)
    many, single = idmaps.candidates(machine)
    assert many.uids == [[0, 1000, 1], *ranges]
    assert many.gids == [[0, 1001, 1], *ranges]
    assert many.programs == ["/usr/bin/newuidmap", "/usr/bin/newgidmap"]
    assert single == IdMap([[0, 1000, 1]], [[0, 1001, 1]], single=True)


@pytest.mark.parametrize("text", ["", "other:1:9\n", "builder:x:1\nbuilder:5:0\nnonsense\n"])
def test_without_a_range_one_id_is_left(machine, text):
    delegate(machine, text)
    [single] = idmaps.candidates(machine)
    assert single.single


def test_without_newuidmap_one_id_is_left(machine, monkeypatch):
    delegate(machine, "builder:100000:65536\n")
    monkeypatch.setattr(idmaps.shutil, "which", lambda name, path: None)  # noqa: ARG005
    [single] = idmaps.candidates(machine)
    assert single.single


def test_root_that_may_set_ids_maps_every_id_it_has_to_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(idmaps.os, "geteuid", lambda: 0)
    monkeypatch.setattr(idmaps.syscalls, "permitted_capabilities", lambda: DEFAULT_CAPABILITIES)
    for name in ("uid_map", "gid_map"):
        (tmp_path / name).write_text("         0     100000      65536\n     70000  9 1\n")
    many = idmaps.candidates(proc=tmp_path)[0]
    assert many.uids == many.gids == [[0, 0, 65536], [70000, 70000, 1]]
    assert (many.programs, many.single) == ([], False)


def test_a_map_knows_whom_a_run_can_be():
    many = IdMap([[0, 1000, 1], [1, 100000, 65535]], [[0, 1000, 1], [1, 100000, 65535]])
    assert many.has(33, 65535)
    assert not many.has(65536, 0)
    assert SINGLE.has(0, 0)
    assert not SINGLE.has(0, 5)
