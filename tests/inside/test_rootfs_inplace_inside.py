# ruff: noqa: PTH208 - os functions show the root as it is
"""RUNs in place; runs inside our own image only, started by ``e2e/test_inplace.py``."""

import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from inplace_trees import ENV, STATE, alive, changes, look_of_root, sh, unpacked

from pybuild import errors, events
from pybuild.imagepath import ImagePath
from pybuild.ports import Process
from pybuild.rootfs.open import open_rootfs


def test_two_images_take_turns_in_the_root(debian, busybox):
    root = look_of_root()
    for number in range(3):
        script = (
            f"echo {number} > /count; ls /usr/bin | wc -l; test -x /usr/bin/dpkg && echo dpkg; pwd"
        )
        debian_status, debian_lines = sh(debian, script)
        busybox_status, busybox_lines = sh(busybox, script.replace("count", "number"))
        assert (debian_status, busybox_status) == (0, 0)
        assert "dpkg" in debian_lines
        assert "dpkg" not in busybox_lines
        assert look_of_root() == root
    assert (debian.directory() / "count").read_text() == "2\n"
    assert not (debian.directory() / "number").exists()
    assert not (busybox.directory() / "count").exists()
    assert not (debian.directory() / "pybuild").exists()
    assert not (debian.directory() / "etc/hosts").exists()


def test_the_image_s_own_places_are_there_although_something_is_mounted_under_their_names(debian):
    script = (
        "mkdir -p /workspace && echo mine > /workspace/a && echo 1 > /var/run/pid && cat /run/pid"
        " && echo 2 > /tmp/keep && stat -c %a /tmp && ls -A /workspace"
    )
    assert sh(debian, script) == (0, ["1", "1777", "a"])
    assert changes(debian).keys() >= {b"workspace", b"workspace/a", b"run/pid", b"tmp/keep"}
    assert os.listdir("/workspace") == ["file"]


def test_changes_are_those_of_the_run_alone(debian):
    sh(debian, "true")
    assert changes(debian).keys() <= {b"", b"etc"}
    script = (
        "echo x >> /etc/profile; rm -r /usr/share/doc; mkdir -p /a/b; touch /a/b/c; rm /bin/true;"
        " mkdir /bin/true; mv /etc/shadow /etc/s2; mv /opt /opt2; chmod 700 /srv; mkfifo /a/p"
    )
    assert sh(debian, script)[0] == 0
    found = changes(debian)
    assert {path for path, entry in found.items() if entry is None} == {
        b"usr/share/doc",
        b"etc/shadow",
        b"opt",
    }
    assert {path for path, entry in found.items() if entry is not None} == {
        b"", b"etc", b"etc/profile", b"etc/s2", b"a", b"a/b", b"a/b/c", b"a/p", b"opt2", b"srv",
        b"usr/bin", b"usr/bin/true", b"usr/share",
    }  # fmt: skip
    assert sh(debian, "true")[0] == 0
    assert changes(debian).keys() <= {b"", b"etc"}


def test_a_change_within_one_clock_tick_is_seen(busybox):
    for number in range(30):
        sh(busybox, f"echo {number % 10} > /etc/fast; echo {number % 10} > /tmp/fast")
        assert {b"etc/fast", b"tmp/fast"} <= changes(busybox).keys(), number


def test_a_layer_after_a_run_is_not_a_change(busybox):
    sh(busybox, "true")
    with busybox.layer() as root:
        (root / "copied").write_text("by us")
    sh(busybox, "cat /copied > /etc/made")
    assert changes(busybox).keys() == {b"", b"etc", b"etc/made"}


def test_modes_owners_and_times_of_merged_directories_stay_the_image_s(busybox):
    with busybox.layer() as root:
        for path in (root, root / "etc"):
            os.chown(path, 7, 8)
            path.chmod(0o751)
            os.utime(path, (1000, 1000))
    assert sh(busybox, "stat -c '%a %u %g %Y' / /etc") == (0, ["751 7 8 1000", "751 7 8 1000"])
    for path in (busybox.directory(), busybox.directory() / "etc"):
        status = path.lstat()
        assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o751, 7, 8)
        assert status.st_mtime == 1000


def test_an_image_without_etc_gets_none_unless_the_run_writes_there(rootfs):
    tree = rootfs.stage("bare")
    with tree.layer() as root:
        (root / "bin").mkdir()
        shutil.copy("/pybuild/bin/busybox", root / "bin/sh")
    assert sh(tree, "echo hello") == (0, ["hello"])
    assert os.listdir(tree.directory()) == ["bin"]
    assert changes(tree).keys() <= {b""} | (
        {b"etc"} if changes(tree).get(b"etc") is None else set()
    )
    sh(tree, "echo x > /etc/mine")
    assert changes(tree)[b"etc"].mode == 0o755
    assert os.listdir(tree.directory() / "etc") == ["mine"]


def test_what_a_run_does_to_hosts_and_shared_memory_is_undone(busybox):
    with busybox.layer() as root:
        (root / "etc/hosts").write_text("the image's own\n")
    before = Path("/etc/hosts").read_bytes()
    assert sh(busybox, "echo poison >> /etc/hosts; mkdir -p /dev/shm/d/e; touch /dev/shm/f")[0] == 0
    assert Path("/etc/hosts").read_bytes() == before
    assert (busybox.directory() / "etc/hosts").read_text() == "the image's own\n"
    assert os.listdir("/dev/shm") == []
    assert b"etc/hosts" not in changes(busybox)


def test_a_renamed_directory_with_mounts_in_it_goes_back(debian, busybox):
    assert sh(debian, "mv -T /etc /etc2 2>&1 || exit 1; mkdir /etc; echo new > /etc/new")[0] in (
        0,
        1,
    )
    assert sh(busybox, "cat /etc/hosts > /dev/null && echo there") == (0, ["there"])
    assert sh(debian, "cat /etc/hosts > /dev/null && echo there") == (0, ["there"])


def test_daemons_are_ended_before_the_tree_is_looked_at(busybox):
    started = time.monotonic()
    script = "(setsid sh -c 'while :; do echo x >> /daemon; done' &); sleep 7771 & echo done"
    assert sh(busybox, script) == (0, ["done"])
    assert time.monotonic() - started < 5
    assert alive("7771") == []
    assert alive("daemon") == []


def test_user_and_groups(busybox):
    assert sh(busybox, "id -u; id -G; umask; pwd", uid=33, gid=33, groups=(4,), cwd="/tmp") == (
        0, ["33", "33 4", "0022", "/tmp"],
    )  # fmt: skip


def test_the_builder_s_memory_is_closed_to_a_run(busybox):
    for uid in (0, 33):
        script = f"cat /proc/{os.getpid()}/environ; cat /proc/$PPID/environ; cat /proc/1/maps"
        status, lines = sh(busybox, script, uid=uid)
        assert status != 0
        assert "hunter2" not in "".join(lines)
        assert len(lines) == 3, lines
        assert all("Permission denied" in line for line in lines), lines


def test_a_run_that_kills_every_process_kills_neither_starter_nor_builder(busybox, debugs):
    sh(busybox, f"kill -0 {os.getpid()}")
    if any("Landlock" in event.message for event in debugs):
        pytest.skip("this kernel has no Landlock scopes")
    sh(busybox, "kill -9 -1; sleep 0.1")
    assert sh(busybox, "echo still here") == (0, ["still here"])


def test_ordinary_work_goes_on_in_the_domain(debian):
    script = (
        "bash -c 'cat <(echo substitution)'; echo err > /dev/stderr; mkdir /x /y; touch /x/f;"
        " mv /x/f /y/g; ln /y/g /x/h; su -s /bin/sh www-data -c 'id -un'; dpkg -l | grep -c ^ii;"
        " setpriv --reuid=33 --regid=33 --clear-groups id -u"
    )
    status, lines = sh(debian, script)
    assert status == 0
    assert lines[:3] == ["substitution", "err", "www-data"]
    assert lines[4] == "33"


@pytest.mark.parametrize(
    ("script", "named"),
    [
        ("echo x >> /pybuild/lib/libz.so.1", "/pybuild/lib"),
        ("touch /pybuild/bin/added", "/pybuild/bin"),
        ("chmod 700 /pybuild/ssl", "/pybuild/ssl"),
        ("chmod 777 /pybuild", "/pybuild/"),
    ],
)
def test_a_change_to_the_builder_is_an_integrity_error(busybox, script, named):
    try:
        with pytest.raises(errors.IntegrityError, match=named):
            sh(busybox, script)
    finally:
        Path("/pybuild/bin/added").unlink(missing_ok=True)
        Path("/pybuild/ssl").chmod(0o755)
        Path("/pybuild").chmod(0o755)


@pytest.mark.parametrize(
    ("script", "named"),
    [
        ("rm -rf /pybuild/state", "/pybuild/state"),
        ("rm -rf /pybuild/state/*", "/pybuild/state/blobs"),
        ("rm -rf /pybuild/state; mkdir /pybuild/state", "/pybuild/state/blobs"),
        ("mv /pybuild/state /moved", "/pybuild/state"),
        ("rm -rf /pybuild/tmp", "/pybuild/tmp"),
        ("rm -rf /pybuild/mounts", "/pybuild/mounts"),
    ],
)
def test_directories_that_builds_write_to_may_not_go(busybox, script, named):
    (STATE / "blobs" / "blobs").mkdir(parents=True, exist_ok=True)
    try:
        with pytest.raises(errors.IntegrityError) as caught:
            sh(busybox, script)
        assert caught.value.message == f"the command removed the builder's own files in {named}"
        assert caught.value.hint == "keep RUN commands away from /pybuild; nothing was pushed"
    finally:
        for directory in (STATE, Path("/pybuild/tmp"), Path("/pybuild/mounts")):
            directory.mkdir(exist_ok=True)


def test_what_is_in_them_may_change(busybox):
    (STATE / "blobs" / "old").mkdir(parents=True, exist_ok=True)
    assert sh(busybox, "rmdir /pybuild/state/blobs/old; touch /pybuild/state/new") == (0, [])
    assert sh(busybox, "rm /pybuild/state/new") == (0, [])


CLUMSY = [
    "echo x >> /pybuild/stages/other/etc/passwd",
    "find / -xdev -perm /6000 -exec chmod a-s {} + 2>/dev/null; true",
    "find / -xdev -path '*/etc/passwd' -exec rm {} + 2>/dev/null; true",
    "rm -r /pybuild/stages/other/bin",
    "rm -r /pybuild/stages/other",
]


@pytest.mark.parametrize("script", CLUMSY)
def test_a_tree_that_another_stage_s_run_changed_is_refused_until_it_is_made_again(
    rootfs, busybox, script, seen
):
    other = unpacked(rootfs.stage("other"), "busybox")
    with other.layer() as root:
        (root / "bin/set-id").touch()
        (root / "bin/set-id").chmod(0o4755)
    assert sh(busybox, "true")[0] == 0
    assert not other.damaged
    assert sh(busybox, script) == (0, [])
    assert other.damaged
    assert not busybox.damaged
    [warning] = [it for it in seen if isinstance(it, events.BuildWarning)]
    assert warning.code == "StageTouched"
    assert "of another stage, other; it will be unpacked again" in warning.message
    for use in (other.directory, lambda: sh(other, "true"), other.layer().__enter__):
        with pytest.raises(errors.IntegrityError, match="files of other were changed by another"):
            use()

    other.start_over()
    assert not other.damaged
    assert os.listdir(other.directory()) == []
    unpacked(other, "busybox")
    assert sh(busybox, "true")[0] == 0
    assert sh(other, "grep -c root: /etc/passwd") == (0, ["1"])


def fill(tree, names, pause):
    """Fill a tree beside RUNs, with a pause in the middle; proven by the bytes of its files."""

    def proven(candidates):
        found = {it.path for it in candidates}
        asked.append(found)
        root = tree.directory()
        return found == {*names} and all(
            (root / os.fsdecode(name)).read_bytes() == name for name in names
        )

    asked = []
    with tree.layer(proven) as root:
        for number, name in enumerate(names):
            (root / os.fsdecode(name)).write_bytes(name)
            if number == 0:
                pause()
    return asked


NAMES = [b"one", b"two", b"three"]


@pytest.mark.parametrize(
    ("script", "damaged"),
    [
        ("true", False),
        ("echo bad > /pybuild/stages/other/one", True),
        ("rm /pybuild/stages/other/one", True),
        ("touch /pybuild/stages/other/planted", True),
        ("rm -r /pybuild/stages/other", True),
    ],
)
def test_a_tree_is_filled_beside_a_run_and_proven_when_that_is_over(
    rootfs, busybox, seen, script, damaged
):
    other = rootfs.stage("other")
    running, go_on = threading.Event(), threading.Event()
    results = []

    def run():
        line = "echo go; until test -e /pybuild/state/go; do sleep 0.05; done; " + script
        results.append(busybox.run(Process(("sh", "-c", line), ENV), lambda _: running.set()))
        go_on.set()

    def pause():
        assert running.wait(10)
        Path("/pybuild/state/go").touch()
        assert go_on.wait(10)

    thread = threading.Thread(target=run)
    thread.start()
    assert running.wait(10)
    asked = fill(other, NAMES, pause)
    thread.join()
    Path("/pybuild/state/go").unlink()
    assert results == [0]
    assert other.damaged is damaged
    touched = [it for it in seen if isinstance(it, events.BuildWarning)]
    assert [it.code for it in touched] == ["StageTouched"] * damaged
    if damaged:
        other.start_over()
        fill(other, NAMES, lambda: None)
    else:
        assert asked == [{*NAMES}]
    # From now on times tell, as with any other tree.
    assert sh(busybox, "true")[0] == 0
    assert not other.damaged
    assert sh(busybox, f"echo bad > {other.directory()}/two")[0] == 0
    assert other.damaged


@pytest.mark.parametrize("script", ["true", "chmod a-s /pybuild/stages/other/set-id"])
def test_what_is_read_beside_a_run_that_changes_it_is_not_taken(rootfs, busybox, script):
    other = rootfs.stage("other")
    with other.layer() as root:
        (root / "set-id").touch()
        (root / "set-id").chmod(0o4755)
    running, modes = threading.Event(), []
    line = f"echo go; until test -e /pybuild/state/go; do sleep 0.05; done; {script}; sleep 0.2"
    process = Process(("sh", "-c", line), ENV)
    thread = threading.Thread(target=busybox.run, args=(process, lambda _: running.set()))

    def read():
        with other.reading() as root:
            thread.start()
            assert running.wait(10)
            Path("/pybuild/state/go").touch()
            time.sleep(0.1)
            modes.append((root / "set-id").stat().st_mode)

    if script == "true":
        read()
        assert modes == [0o104755]
    else:
        with pytest.raises(errors.IntegrityError, match="files of other were changed"):
            read()
    thread.join()
    Path("/pybuild/state/go").unlink()


def test_a_tree_that_no_run_met_needs_no_proof(rootfs, busybox):
    other = rootfs.stage("other")
    assert fill(other, NAMES, lambda: None) == []
    assert sh(busybox, "true")[0] == 0
    assert not other.damaged


def test_a_stage_that_begins_during_a_run_is_not_taken_for_damaged(rootfs, busybox):
    began = []
    line = "mkdir -p /pybuild/stages/late/planted; echo go; sleep 0.2"
    process = Process(("sh", "-c", line), ENV)
    assert busybox.run(process, lambda _: began.append(rootfs.stage("late"))) == 0
    assert not began[0].damaged
    assert os.listdir(began[0].directory()) == []


def test_a_mount_is_named_for_every_path_in_it(rootfs):
    blocked = {path: rootfs.blocked(ImagePath.parse(path)) for path in PATHS}
    assert blocked == PATHS


PATHS = {
    "/": "", "/foreign": "/foreign", "/foreign/a/b": "/foreign", "/foreigner": "", "/etc/hosts": "",
    "/workspace": "", "/tmp": "", "/var/run/secrets/kubernetes.io/serviceaccount": "",
    "/etc/ssl/x": "", "/app": "", "/app/data/x": "/app/data", "/pybuild": "/pybuild",
    "/pybuild/x": "/pybuild",
}  # fmt: skip


def test_a_working_directory_in_a_mount_is_refused_and_named(busybox):
    with pytest.raises(
        errors.HostUnsupported, match="/foreign/a lies in the mount /foreign of this"
    ):
        sh(busybox, "true", cwd="/foreign/a")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ("foreign/own", "/foreign is a mount of this container, and hides what the image has"),
        ("foreign", "/foreign is a mount of this container, and the image has a directory there"),
        ("app", "/app/data is a mount of this container, and lies in /app of the image"),
    ],
)
def test_a_mount_where_the_image_has_something_is_refused_and_named(busybox, made, message):
    with busybox.layer() as root:
        (root / made).mkdir(parents=True)
    with pytest.raises(errors.HostUnsupported, match=message):
        sh(busybox, "touch /must-not-run")
    assert not (busybox.directory() / "must-not-run").exists()


def test_what_a_run_writes_to_a_mount_is_warned_about_however_deep(busybox, foreign, seen):
    (foreign / "a/b").mkdir(parents=True)
    (foreign / "a/b/old").touch()
    script = "echo x > /foreign/a/b/old; mkdir -p /foreign/new/deep; touch /app/data/x"
    assert sh(busybox, script) == (0, [])
    Path("/app/data/x").unlink()
    assert [it.message for it in seen if isinstance(it, events.BuildWarning)] == [
        (
            "the command wrote to a mount of this container, not the image:"
            " /app/data/x, /foreign/a/b/old, /foreign/new"
        )
    ]
    assert not (busybox.directory() / "foreign").exists()
    assert not (busybox.directory() / "app").exists()


def test_a_mount_that_a_run_does_not_use_is_no_trouble(busybox, foreign, seen):
    (foreign / "file").touch()
    assert sh(busybox, "cat /foreign/file; ls /app") == (0, ["data"])
    assert not [it for it in seen if isinstance(it, events.BuildWarning)]


@pytest.mark.parametrize("script", ["rm -r /foreign/a", "mv /foreign/a/b/c /foreign/c"])
def test_a_run_that_deletes_from_a_mount_is_an_integrity_error(busybox, foreign, script):
    (foreign / "a/b").mkdir(parents=True)
    (foreign / "a/b/c").touch()
    with pytest.raises(errors.IntegrityError, match=r"deleted from a mount of this cont.*/a/b/c"):
        sh(busybox, script)
    assert (busybox.directory() / "bin/sh").exists()
    assert sh(busybox, "echo on") == (0, ["on"])


@pytest.fixture
def foreign():
    """A mount of the container, emptied afterwards."""
    yield Path("/foreign")
    for path in Path("/foreign").iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def can_make_devices():
    status = Path("/proc/self/status").read_text()
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    return bool(effective >> 27 & 1)  # MKNOD


def test_what_a_run_does_to_devices_is_undone(busybox):
    script = "touch /dev/made; rm /dev/fd; mv /dev/random /dev/r; ln -s urandom /dev/random; true"
    before = {path.name: path.lstat().st_mode for path in Path("/dev").iterdir()}
    if not can_make_devices():
        with pytest.raises(errors.IntegrityError, match="removed /dev/random"):
            sh(busybox, script)
        return
    assert sh(busybox, script)[0] == 0
    assert {path.name: path.lstat().st_mode for path in Path("/dev").iterdir()} == before
    assert sh(busybox, "head -c 3 /dev/random | wc -c; cat < /dev/fd/0") == (0, ["3"])


def test_links_of_our_own_root_that_a_run_deletes_are_made_again(busybox):
    script = "find /pybuild/aside -type l -exec rm {} +; find /pybuild/aside -type l"
    assert sh(busybox, script) == (0, [])
    assert sh(busybox, "true")[0] == 0


def test_an_exception_parks_the_tree(busybox):
    def stop(_line):
        raise errors.Terminated("stop")

    root = look_of_root()
    with pytest.raises(errors.Terminated):
        busybox.run(Process(("sh", "-c", "echo go; sleep 9991"), ENV), stop)
    assert alive("9991") == []
    assert look_of_root() == root
    assert (busybox.directory() / "bin/sh").exists()
    assert sh(busybox, "echo again") == (0, ["again"])


def test_a_hook_in_an_image_works_in_the_context(busybox):
    status = sh(busybox, "cat file > built; pwd", host_directory=Path("/workspace"))
    assert status == (0, ["/pybuild/own/workspace"])
    assert Path("/workspace/built").read_text() == "context\n"
    Path("/workspace/built").unlink()


def test_the_usual_removal_of_byte_code_reaches_ours_and_does_no_harm(debian):
    ours = list(Path("/pybuild/lib").rglob("*.pyc"))
    assert ours, "the image has byte-code of its own"
    script = "find / -name '*.pyc' -delete; find / -name __pycache__ -delete; true"
    assert sh(debian, script)[0] == 0
    assert not ours[0].exists()
    assert sh(debian, "echo on")[1] == ["on"]


def test_the_hook_runs_on_the_builder_s_own_root(rootfs):
    lines = []
    status = rootfs.run_on_host(
        ["sh", "-c", "cat file; exit 4"],
        {"PATH": "/pybuild/bin"},
        Path("/workspace").resolve(),
        lines.append,
    )
    assert (status, lines) == (4, ["context"])


def test_an_image_whose_etc_is_a_link_is_refused_and_named(rootfs):
    tree = rootfs.stage("odd")
    with tree.layer() as root:
        (root / "etc").symlink_to("usr/etc")
    with pytest.raises(errors.HostUnsupported, match="/etc of the image is not a directory"):
        sh(tree, "true")


def test_an_image_with_our_prefix_is_refused(rootfs):
    tree = rootfs.stage("odd")
    with tree.layer() as root:
        (root / "pybuild").mkdir()
    with pytest.raises(errors.HostUnsupported, match="the image has a /pybuild"):
        sh(tree, "true")


@pytest.mark.usefixtures("rootfs")
def test_a_second_build_in_the_same_container_waits_for_nobody():
    with pytest.raises(errors.HostUnsupported, match="another build is running"):
        open_rootfs("inplace", STATE, events.ignore)


def test_a_run_of_nothing_costs_well_under_a_second(debian):
    sh(debian, "true")
    started = time.perf_counter()
    for _ in range(10):
        sh(debian, "true")
    assert time.perf_counter() - started < 5


def test_closing_ends_a_run_on_another_thread_and_waits_until_it_is_parked(busybox, rootfs):
    began, failed = threading.Event(), []

    def run():
        try:
            busybox.run(Process(("sh", "-c", "echo go; sleep 5551"), ENV), lambda _: began.set())
        except errors.StepFailed as error:
            failed.append(error.status)

    root = look_of_root()
    thread = threading.Thread(target=run)
    thread.start()
    assert began.wait(5)
    rootfs.close()
    assert look_of_root() == root
    thread.join()
    assert failed == [137]
    assert alive("5551") == []
