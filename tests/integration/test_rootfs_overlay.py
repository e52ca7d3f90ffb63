# ruff: noqa: PTH208 - names are what is compared
"""RUNs in overlay mounts, for real: needs root with CAP_SYS_ADMIN and a static busybox."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pybuild import errors, events
from pybuild.ports import Process
from pybuild.rootfs import open as opening
from pybuild.rootfs import probe
from pybuild.rootfs.open import open_rootfs

BUSYBOX = "/bin/busybox"
ENV = (("PATH", "/bin"), ("HOME", "/root"))

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path(BUSYBOX).exists(), reason="needs root and a static busybox"
)


@pytest.fixture
def rootfs(tmp_path, monkeypatch):
    # Servers of other tests may have threads in this process; none of them looks at our mounts.
    monkeypatch.setattr(opening, "_refuse_threads", lambda: None)
    found = probe.overlay(tmp_path)
    assert found.available, found.reason
    with open_rootfs("overlay", tmp_path, events.ignore) as opened:
        yield opened
    assert list((tmp_path / "trees").iterdir()) == []


@pytest.fixture
def tree(rootfs):
    return filled(rootfs.stage("s"))


def filled(tree):
    with tree.layer() as root:
        for name in ("bin", "root", "tmp", "etc", "data"):
            (root / name).mkdir()
        shutil.copy(BUSYBOX, root / "bin/busybox")
        for name in (
            "sh",
            "ls",
            "cat",
            "id",
            "rm",
            "mkdir",
            "sleep",
            "kill",
            "setsid",
            "pwd",
            "touch",
            "sort",
            "wc",
            "head",
            "readlink",
        ):
            (root / "bin" / name).symlink_to("busybox")
        (root / "data/old").write_text("old")
        (root / "data/sub").mkdir()
        (root / "data/sub/deep").write_text("deep")
        os.utime(root / "etc", (1000, 1000))
        os.utime(root, (1000, 1000))
    return tree


def sh(tree, script, **more):
    lines = []
    status = tree.run(Process(("sh", "-c", script), ENV, **more), lines.append)
    return status, lines


def changes(tree):
    return {it.path: it.entry for it in tree.candidates()}


def alive(word):
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (directory / "cmdline").read_bytes():
                found.append(directory.name)
        except OSError:
            continue
    return found


def test_output_comes_as_lines_with_both_streams_merged_in_order(tree):
    status, lines = sh(tree, r"echo a; echo b >&2; printf 'c\xff\r\n10%%\r20%%\nlast'")
    assert (status, lines) == (0, ["a", "b", "c�", "20%", "last"])


@pytest.mark.parametrize(
    ("argv", "status", "line"),
    [
        (("sh", "-c", "exit 3"), 3, None),
        (("sh", "-c", "kill -9 $$"), 137, None),
        (("sh", "-c", "kill -15 $$"), 143, None),
        (("nothing",), 127, "nothing: not found in PATH of the image"),
        (("/no/thing",), 127, "/no/thing: no such file in the image"),
        (("/data/old",), 126, "/data/old: Permission denied"),
        (("/data",), 126, "/data: Permission denied"),
    ],
)
def test_the_status_is_what_a_shell_would_say(tree, argv, status, line):
    lines = []
    assert tree.run(Process(argv, ENV), lines.append) == status
    assert lines == ([line] if line else [])


def test_a_script_whose_interpreter_is_missing_is_told_apart_from_a_missing_script(tree):
    with tree.layer() as root:
        (root / "bin/script").write_text("#!/usr/bin/perl\n")
        (root / "bin/script").chmod(0o755)
    lines = []
    assert tree.run(Process(("script",), ENV), lines.append) == 127
    assert lines == ["/bin/script: its interpreter or loader is not in the image"]


def test_user_groups_umask_directory_and_environment_are_the_process_s(tree):
    status, lines = sh(
        tree,
        "id -u; id -g; id -G; umask; pwd; echo $HOME",
        uid=33,
        gid=34,
        groups=(4, 5),
        cwd="/data",
    )
    assert (status, lines) == (0, ["33", "34", "34 4 5", "0022", "/data", "/root"])


def test_a_run_has_docker_s_capabilities_and_a_user_s_has_none(tree):
    show = "while read k v; do case $k in Cap*) echo $k $v;; esac; done < /proc/self/status"
    full, none = "00000000a80425fb", "0000000000000000"
    assert sh(tree, show)[1] == [
        f"CapInh: {none}",
        f"CapPrm: {full}",
        f"CapEff: {full}",
        f"CapBnd: {full}",
        f"CapAmb: {none}",
    ]
    assert sh(tree, show, uid=33)[1][2] == f"CapEff: {none}"


def test_no_descriptor_of_ours_and_no_secret_reaches_a_run(tree):
    os.environ["PYBUILD_TEST_SECRET"] = "hunter2"
    status, lines = sh(tree, "ls /proc/self/fd; cat /proc/$PPID/environ")
    assert lines[:4] == ["0", "1", "2", "3"]  # 3 is the directory that ls reads
    assert "hunter2" not in "".join(lines)
    assert status == 1  # the keeper's environ is closed


def test_changes_are_those_of_the_run_alone(tree):
    sh(tree, "echo x > /data/new; rm /data/old; rm -r /data/sub; mkdir /data/sub; touch /tmp/t")
    found = changes(tree)
    gone = {path for path, entry in found.items() if entry is None}
    assert gone == {b"data/old", b"data/sub/deep"}
    assert found.keys() - gone == {b"", b"data", b"data/new", b"data/sub", b"tmp", b"tmp/t"} | {
        path for path in (b"etc",) if path in found
    }
    assert found[b"data/new"].size == 2
    assert found[b""].mtime_s == 1000


def test_mount_points_leave_no_trace_in_an_image_that_has_none(tree):
    status, lines = sh(
        tree, "cat /etc/hosts; ls -d /proc/1 /sys/kernel /dev/null; echo 1 > /dev/shm/x"
    )
    assert status == 0
    assert lines[-3:] == ["/dev/null", "/proc/1", "/sys/kernel"]
    found = changes(tree)
    assert found.keys() <= {b"", b"etc"}
    assert all(entry.mtime_s == 1000 for entry in found.values())
    assert sorted(os.listdir(tree.directory())) == ["bin", "data", "etc", "root", "tmp"]


def test_writes_to_the_resolver_s_files_reach_neither_machine_nor_layer(tree):
    before = Path("/etc/hosts").read_bytes()
    assert sh(tree, "echo 192.0.2.1 poison >> /etc/hosts; echo x > /etc/mine")[0] == 0
    assert Path("/etc/hosts").read_bytes() == before
    assert {path for path in changes(tree) if path} == {b"etc", b"etc/mine"}


def test_a_link_in_the_image_does_not_lead_a_mount_out_of_it(rootfs, tmp_path):
    tree = filled(rootfs.stage("links"))
    victim = tmp_path / "victim"
    with tree.layer() as root:
        (root / "etc/resolv.conf").symlink_to(victim)
    assert sh(tree, "cat /etc/resolv.conf > /dev/null")[0] == 0
    assert not victim.exists()
    assert not any(path.endswith(b"victim") for path in changes(tree))


def test_layers_and_runs_follow_each_other(tree):
    sh(tree, "echo 1 > /data/one")
    with tree.layer() as root:
        (root / "data/two").write_text("2")
    sh(tree, "cat /data/one /data/two > /data/three; rm -r /data; mkdir /data; echo 4 > /data/four")
    found = changes(tree)
    assert {path for path, entry in found.items() if entry is None} == {
        b"data/old",
        b"data/one",
        b"data/sub",
        b"data/two",
    }
    assert os.listdir(tree.directory() / "data") == ["four"]
    for number in range(40):
        assert sh(tree, f"echo {number} > /data/{number}")[0] == 0
    assert len(os.listdir(tree.directory() / "data")) == 41


def test_daemons_are_ended_and_do_not_hold_the_build(tree):
    started = time.monotonic()
    status, lines = sh(
        tree,
        "sleep 7771 & setsid sleep 7772 & (setsid sh -c 'sleep 7773 & sleep 7774' &);"
        " sleep 7775 & kill -STOP $!; echo done",
    )
    assert (status, lines) == (0, ["done"])
    assert time.monotonic() - started < 5
    assert alive("777") == []


def test_five_hundred_children_are_ended(tree):
    status, lines = sh(tree, "i=0; while [ $i -lt 500 ]; do sleep 8881 & i=$((i+1)); done; echo $i")
    assert (status, lines) == (0, ["500"])
    assert alive("8881") == []


def test_a_run_sees_and_signals_only_what_it_started(tree):
    script = "cd /proc; ls -d [0-9]* | sort -n; sleep 50 & kill -9 -1; echo $?"
    status, lines = sh(tree, script)
    assert (status, lines[:2], lines[-1]) == (0, ["1", "2"], "0")
    assert len(lines) <= 6
    assert sh(tree, "kill -9 1 2>/dev/null; echo still $$") == (0, ["still 2"])


def test_the_first_process_is_closed_to_a_run(tree):
    for uid in (0, 33):
        script = "for file in environ mem maps; do cat /proc/1/$file 2>/dev/null; echo $?; done"
        assert sh(tree, script, uid=uid) == (0, ["1", "1", "1"])


def test_dev_is_a_container_s_and_ends_with_the_run(tree):
    script = "cd /dev; ls; echo x > made; echo x > null; cat /dev/zero | head -c 3 | wc -c"
    status, lines = sh(tree, script)
    assert status == 0
    assert lines[:-1] == ["fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin",
                          "stdout", "tty", "urandom", "zero"]  # fmt: skip
    assert not Path("/dev/made").exists()
    assert not any(path.startswith(b"dev") for path in changes(tree))


def test_the_machine_s_settings_cannot_be_written(tree):
    script = (
        "(echo 1 > /proc/sys/vm/drop_caches) 2>&1; (echo 1 > /proc/sys/kernel/panic) 2>&1;"
        " (echo 1 > /sys/kernel/profiling) 2>&1"
    )
    lines = sh(tree, script)[1]
    assert len(lines) == 3
    assert all("Read-only file system" in line for line in lines), lines


def test_shared_memory_and_semaphores_are_a_run_s_own(tree):
    inside = sh(tree, "echo x > /dev/shm/f; cat /proc/self/ns/ipc; readlink /proc/self/ns/ipc")[1]
    assert inside[-1] != str(Path("/proc/self/ns/ipc").readlink())
    assert sh(tree, "ls /dev/shm") == (0, [])


def test_an_exception_while_a_run_runs_ends_it(tree):
    def stop(_line):
        raise errors.Terminated("stop")

    with pytest.raises(errors.Terminated):
        tree.run(Process(("sh", "-c", "echo go; sleep 9991"), ENV), stop)
    assert alive("9991") == []
    assert sh(tree, "echo again") == (0, ["again"])


def children(pid):
    return [int(it) for it in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_killed_keeper_fails_the_step_and_its_command_is_ended(tree, rootfs):
    def kill_keeper(_line):
        [keeper] = children(rootfs.starter._process.pid)
        for pid in (keeper, *children(keeper)):
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(errors.StepFailed) as caught:
        tree.run(Process(("sh", "-c", "echo go; sleep 6661"), ENV), kill_keeper)
    assert caught.value.status == 137
    time.sleep(0.3)
    assert alive("6661") == []


def test_closing_ends_what_still_runs(tmp_path):
    opened = open_rootfs("overlay", tmp_path, events.ignore)
    tree = filled(opened.stage("s"))
    began = threading.Event()
    failed = []

    def run():
        try:
            tree.run(Process(("sh", "-c", "echo go; sleep 5551"), ENV), lambda _: began.set())
        except errors.StepFailed as error:
            failed.append(error.status)

    thread = threading.Thread(target=run)
    thread.start()
    began.wait(5)
    opened.stop()
    thread.join(5)
    opened.close()
    assert failed == [137]
    assert alive("5551") == []


def test_two_stages_run_at_the_same_time(rootfs):
    first, second = filled(rootfs.stage("a")), filled(rootfs.stage("b"))
    began, finish = threading.Event(), []
    thread = threading.Thread(
        target=lambda: finish.append(
            first.run(
                Process(("sh", "-c", "echo go; sleep 1; echo x > /data/x"), ENV),
                lambda _: began.set(),
            )
        )
    )
    thread.start()
    began.wait(5)
    assert sh(second, "sleep 0.1 & echo other") == (0, ["other"])
    thread.join()
    assert finish == [0]
    assert (first.directory() / "data/x").exists()


def test_a_host_directory_is_there_writable_and_leaves_no_trace(tree, tmp_path):
    context = tmp_path / "context"
    context.mkdir()
    assert sh(tree, "pwd; echo built > out", host_directory=context) == (0, [str(context)])
    assert (context / "out").read_text() == "built\n"
    assert not any(b"context" in path for path in changes(tree))


def test_a_command_of_this_machine_runs_in_its_directory_and_is_swept_up(rootfs, tmp_path):
    lines = []
    status = rootfs.run_on_host(
        ["sh", "-c", "pwd; echo $A; sleep 4441 & exit 5"],
        {"PATH": "/usr/bin:/bin", "A": "b"},
        tmp_path,
        lines.append,
    )
    assert (status, lines) == (5, [str(tmp_path), "b"])
    assert alive("4441") == []


def test_a_working_directory_that_is_not_there_is_named(tree):
    with pytest.raises(errors.HostUnsupported, match="working directory /nowhere: No such file"):
        sh(tree, "true", cwd="/nowhere")


def test_in_place_is_refused_outside_our_own_image(tmp_path):
    with pytest.raises(errors.HostUnsupported, match=r"/pybuild/\.pybuild-image is not there"):
        open_rootfs("inplace", tmp_path, events.ignore)


def test_a_run_ends_with_a_builder_that_is_killed(tmp_path):
    script = f"""
import sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from pybuild import events
from pybuild.rootfs import open as opening
from pybuild.rootfs.open import open_rootfs
from pybuild.rootfs.run import syscalls
rootfs = open_rootfs("overlay", Path({str(tmp_path)!r}), events.ignore)
rootfs.run_on_host(["sh", "-c", "echo go; setsid sleep 3331"], {{"PATH": "/bin"}}, Path("/"),
    lambda line: print(line, flush=True))
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as builder:
        assert builder.stdout.readline() == b"go\n"
        assert alive("3331") != []
        builder.kill()
    deadline = time.monotonic() + 5
    while alive("3331") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert alive("3331") == []
