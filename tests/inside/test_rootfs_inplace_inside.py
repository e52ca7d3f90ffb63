# ruff: noqa: PTH114, PTH115, PTH118, PTH208, S202 - os functions show the root as it is
"""RUNs in place; runs inside our own image only, started by ``e2e/test_inplace.py``."""

import os
import shutil
import tarfile
import threading
import time
from pathlib import Path

import pytest

from pybuild import errors, events
from pybuild.imagepath import ImagePath
from pybuild.ports import Process
from pybuild.rootfs.open import open_rootfs

BASES = Path("/pybuild/own/bases")
STATE = Path("/pybuild/state")
NOT_NEEDED = (
    "usr/share/zoneinfo", "usr/share/perl", "usr/share/bash", "usr/share/i18n",
    "usr/lib/x86_64-linux-gnu/perl", "usr/lib/x86_64-linux-gnu/gconv", "var/lib/dpkg/info",
)  # fmt: skip
ENV = (("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("HOME", "/root"))


def look_of_root():
    """Everything about our own root that a RUN must leave as it was."""
    shown = {}
    for directory in ("/", "/etc"):
        status = os.lstat(directory)
        shown[directory] = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns)
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            is_link = os.path.islink(path)
            shown[path] = os.readlink(path) if is_link else os.lstat(path).st_ino
    return shown


@pytest.fixture
def seen():
    return []


@pytest.fixture
def debugs(seen):
    return seen


@pytest.fixture
def rootfs(seen):
    before = look_of_root()
    with open_rootfs("auto", STATE, seen.append) as opened:
        assert opened.name == "inplace"
        yield opened
        assert look_of_root() == before
    assert os.listdir("/pybuild/aside") == []


def unpacked(tree, name):
    with tree.layer() as root, tarfile.open(BASES / f"{name}.tar") as archive:
        archive.extraction_filter = staticmethod(lambda member, _path: member)
        members = [it for it in archive if not it.name.startswith(NOT_NEEDED)]
        archive.extractall(root, members, numeric_owner=True)
        for path in ("etc/hosts", "etc/hostname", "etc/resolv.conf", ".dockerenv"):
            (root / path).unlink(missing_ok=True)
    return tree


@pytest.fixture
def debian(rootfs):
    return unpacked(rootfs.stage("debian"), "debian")


@pytest.fixture
def busybox(rootfs):
    return unpacked(rootfs.stage("busybox"), "busybox")


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


CLUMSY = [
    "echo x >> /pybuild/stages/other/etc/passwd",
    "find / -xdev -perm /6000 -exec chmod a-s {} + 2>/dev/null; true",
    "find / -xdev -path '*/etc/passwd' -exec rm {} + 2>/dev/null; true",
    "rm -r /pybuild/stages/other/bin",
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


def test_a_mount_is_named_for_every_path_in_it(rootfs):
    blocked = {path: rootfs.blocked(ImagePath.parse(path)) for path in PATHS}
    assert blocked == PATHS


PATHS = {
    "/": "", "/foreign": "/foreign", "/foreign/a/b": "/foreign", "/foreigner": "", "/etc/hosts": "",
    "/workspace": "", "/tmp": "", "/var/run/secrets/kubernetes.io/serviceaccount": "",
    "/etc/ssl/x": "", "/pybuild": "/pybuild", "/pybuild/x": "/pybuild",
}  # fmt: skip


def test_a_working_directory_in_a_mount_is_refused_and_named(busybox):
    with pytest.raises(
        errors.HostUnsupported, match="/foreign/a lies in the mount /foreign of this"
    ):
        sh(busybox, "true", cwd="/foreign/a")


def test_what_a_mount_hides_and_what_is_written_to_it_is_warned_about(busybox, seen):
    with busybox.layer() as root:
        (root / "foreign").mkdir()
        (root / "foreign/own").touch()
    assert sh(busybox, "ls /foreign; touch /foreign/written")[1] == []
    Path("/foreign/written").unlink()
    assert [it.message for it in seen if isinstance(it, events.BuildWarning)] == [
        "/foreign is a mount of this container: RUN sees it instead of what the image has there",
        "the command wrote to a mount of this container, not the image: /foreign, /foreign/written",
    ]
    assert os.listdir(busybox.directory() / "foreign") == ["own"]


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
