# ruff: noqa: PTH208 - names are what is compared
import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from pybuild import events
from pybuild.errors import HostUnsupported, StateError, UsageError
from pybuild.rootfs import open as opening
from pybuild.rootfs import probe
from pybuild.rootfs.gate import Gate
from pybuild.rootfs.layout import Layout
from pybuild.rootfs.places import claim
from pybuild.rootfs.probe import Availability


def test_an_unknown_mode_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="rootfs 'chroot' is not known") as caught:
        opening.open_rootfs("chroot", tmp_path, events.ignore)
    assert caught.value.hint == "use one of auto, overlay, inplace"


def test_where_nothing_works_every_reason_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "_refuse_threads", lambda: None)  # other tests' servers have some
    monkeypatch.setattr(probe, "overlay", lambda _: Availability("overlay", "no right", "grant"))
    monkeypatch.setattr(probe, "inplace", lambda: Availability("inplace", "no image", "use it"))
    with pytest.raises(HostUnsupported) as caught:
        opening.open_rootfs("auto", tmp_path, events.ignore)
    assert caught.value.message == ("no RUN can run here: overlay: no right; inplace: no image")
    assert caught.value.hint == "grant; or use it"


def test_opening_with_threads_is_a_mistake_of_the_program(tmp_path):
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with pytest.raises(RuntimeError, match="has threads already"):
            opening.open_rootfs("auto", tmp_path, events.ignore)
    finally:
        stop.set()
        thread.join()


def test_in_place_needs_the_marker_of_our_own_image(tmp_path):
    found = probe.inplace(Layout(os.fsencode(tmp_path)))
    assert not found.available
    assert found.reason == (
        f"this is not the builder's own image: {tmp_path}/pybuild/.pybuild-image is not there"
    )


def test_without_sys_admin_and_user_namespaces_overlay_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(probe.syscalls, "permitted_capabilities", lambda: 0xA80425FB)
    monkeypatch.setattr(probe.idmaps, "candidates", list)
    found = probe.overlay(tmp_path)
    assert found.reason.startswith(
        "the process does not have CAP_SYS_ADMIN, and a user namespace cannot be used"
    )
    assert os.listdir(tmp_path) == []


def test_builds_that_begin_do_not_disturb_those_that_try_overlay(tmp_path, monkeypatch):
    def tries(argv, **_options):
        upper = Path(argv[-1]) / "upper"
        upper.mkdir()
        time.sleep(0.001)
        return subprocess.CompletedProcess(argv, int(not upper.is_dir()), b"{}", b"it is gone")

    monkeypatch.setattr(probe.syscalls, "permitted_capabilities", lambda: 1 << 21)
    monkeypatch.setattr(probe.subprocess, "run", tries)

    def begin(_):
        found = probe.overlay(tmp_path)
        with ExitStack() as closing:
            claim(tmp_path / "trees", closing)
        return found.reason

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(begin, range(300))) == {""}


def test_a_state_directory_that_refuses_is_no_lack_of_the_host(tmp_path, monkeypatch):
    monkeypatch.setattr(probe.syscalls, "permitted_capabilities", lambda: 1 << 21)
    (tmp_path / "state").touch()
    with pytest.raises(StateError, match=r"cannot make a directory in .*state/trees: Not a dir"):
        probe.overlay(tmp_path / "state")
    assert "cannot make a directory in" in probe.probe(tmp_path / "state")[0].reason


@pytest.mark.parametrize(
    ("points", "pins"),
    [
        ([b"/", b"/proc", b"/proc/bus", b"/dev/pts"], set()),
        ([b"/etc/hosts", b"/pybuild/own/workspace"], {b"etc/hosts"}),
        ([b"/data"], {b"data"}),
    ],
)
def test_mounts_are_pins_unless_they_lie_in_what_never_moves(points, pins):
    fixed = {b"proc", b"sys", b"dev", b"pybuild"}
    assert Layout().pins(dict(enumerate(points))) == fixed | pins


@pytest.mark.parametrize(
    ("state_dir", "more"), [(b"/pybuild/state", set()), (b"/pybuild/x/y", {b"x/y"}), (b"/v", set())]
)
def test_only_what_builds_write_is_left_out_of_the_builder_s_own_files(state_dir, more):
    written = {b"stages", b"state", b"own", b"aside", b"mounts", b"tmp"}
    assert Layout().written(state_dir) == written | more


def test_a_run_waits_for_those_who_fill_trees_and_they_for_it():
    gate, order = Gate(), []
    inside = threading.Event()

    def run():
        with gate.running():
            order.append("run")
            inside.set()

    with gate.writing(), gate.writing():
        thread = threading.Thread(target=run)
        thread.start()
        assert not inside.wait(0.05)
        order.append("write")
    thread.join()
    assert order == ["write", "run"]
