"""Mounts and surroundings of RUNs in an overlay, for root and in user namespaces.

``tools/overlay_program.py`` runs them all in each place, and says what they saw.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pybuild import events
from pybuild.ports import Process, Sandbox
from pybuild.rootfs.overlay import OverlayRootfs
from tools import few_rights

PROGRAM = Path(__file__).parent.parent / "tools/overlay_program.py"
PLACES = (few_rights.ROOT, *few_rights.MANY_IDS, few_rights.ONE_ID)

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/bin/busybox").exists(), reason="needs root and a busybox"
)


@pytest.fixture(scope="module", params=PLACES)
def place(request):
    return request.param


@pytest.fixture(scope="module")
def seen(place):
    with few_rights.reachable_place() as directory:
        host = directory / "host"
        host.mkdir()
        host.chmod(0o777)
        arguments = (str(directory / "state"), str(host))
        yield few_rights.run(place, directory, PROGRAM.read_text(), *arguments)


READ_ONLY = "Read-only file system"
NOT_THERE = "nothing can be mounted there"


def refused(mount, why):
    return ["failed", f"['sh'] could not be run: mount {mount}: {why}"]


SEEN = {
    "a read-only mount refuses every write, also in what is mounted below it": {
        "read_only": [
            1,
            "text",
            "inner",
            f"sh: can't create /ctx/f: {READ_ONLY}",
            f"touch: /ctx/new: {READ_ONLY}",
            f"touch: /ctx/inner/new: {READ_ONLY}",
            f"rm: can't remove '/ctx/f': {READ_ONLY}",
        ],
        "file_read_only": [1, "one", f"sh: can't create /f: {READ_ONLY}"],
    },
    "what is written to a dropped mount is seen by the run alone": {
        "dropped": [0, "755", "new", "more", "f", "g"],
        "dropped_changes": [],
        "source": [["f", "inner"], "text\n"],
        "file_dropped": [0, "one", "x"],
        "file": "one\n",
    },
    "a dropped mount has what is mounted in its source": {"copied": [0, "inner"]},
    "names of sources may hold what separates mount options": {"odd_name": [0, "x"]},
    "a kept mount keeps what is written": {"kept": [[0], [0, "1"]]},
    "a tmpfs is empty, limited, for everybody, and gone afterwards": {
        "tmpfs": [0, "1777 0:0", "1", "1"],
        "tmpfs_after": [1, "ls: /t: No such file or directory"],
    },
    "a tmpfs hides what the image has and keeps it": {
        "tmpfs_hides": [0],
        "tmpfs_hidden_changes": [],
    },
    "a tmpfs may replace the shared memory": {"tmpfs_on_shm": [0, "1"]},
    "a secret is a file in memory that cannot be changed": {
        "secret": [
            0,
            "s3cret-of-this-test",
            "400 0:0",
            f"sh: can't create /run/secrets/s: {READ_ONLY}",
            "rm: can't remove '/run/secrets/s': Device or resource busy",
            "1",
        ],
        "big_secret": [0, "500000"],
    },
    "a secret is on no disk, in no layer and in no later run": {
        "secret_on_disk": [],
        "secret_changes": [],
        "secret_after": [
            1,
            "ls: /run: No such file or directory",
            "ls: /run/secrets/s: No such file or directory",
        ],
    },
    "a script among the devices can be run": {"script": [0, "ran /dev/pipes/script"]},
    "an agent answers through its socket": {
        "socket": [0, "socket 600 0:0", "answer to me"],
        "socket_changes": [],
        "socket_path": [0, "socket"],
    },
    "mounts lie in one another": {
        "nested": [0, "/a", "/a/b", "/a/b/f", "/a/c", "/a/c/d", "/a/c/d/y", "/a/x"],
        "nested_changes": [],
    },
    "a mount point in a kept mount is made there": {"in_cache": [[0, "in"], ["in"]]},
    "a mount point in a read-only mount must be there": {
        "in_read_only": refused("/ctx/new/x", f"/ctx/new: {READ_ONLY}"),
        "on_read_only": [0, "x"],
        "on_read_only_source": ["f", "there"],
    },
    "links in a target are followed inside the tree and leave no trace": {
        "links": [0, "/data/real:", "f", "there", "", "/etc/up:", "more", "", "/etc/up/more:"],
        "links_changes": ["data", "data/own"],
    },
    "what a run writes beside a mount point stays": {
        "beside": [0],
        "beside_changes": ["new", "new/dir", "new/dir/g"],
    },
    "mount points leave no trace": {
        "untouched": [0],
        "untouched_changes": [],
        "tree": ["bin", "data", "etc", "file", "lib", "lib64", "link", "through", "tmp", "up"],
    },
    "nothing of the machine is removed where a run swaps a mount point for a link": {
        "swapped": [0, "/moved"],
        "victim": ["empty", "y"],
    },
    "a link in a cache does not lead a mount out of the tree": {
        "link_in_cache": [0, "new"],
        "victim_after_link": ["empty", "y"],
    },
    "nothing is mounted in the kernel's filesystems or over the root": {
        "target_magic": refused("/c/magic/new", f"/proc: {NOT_THERE}"),
        "target_through": refused("/through/new", f"/proc: {NOT_THERE}"),
        "target_proc": refused("/proc/self/new", f"/proc: {NOT_THERE}"),
        "target_proc_itself": refused("/proc", NOT_THERE),
        "target_sys": refused("/sys/fs/new", f"/sys: {NOT_THERE}"),
        "target_fd": refused("/dev/fd/1", f"/proc: {NOT_THERE}"),
        "target_root": refused("/..", "nothing can be mounted over the root"),
    },
    "a file and a directory do not go on one another": {
        "target_on_file": refused("/file", "Not a directory"),
        "target_below_file": refused("/file/x", "/file: Not a directory"),
        "target_on_directory": refused("/data", "Is a directory"),
    },
    "a mount that cannot be made leaves no trace": {
        "tree_after_targets": [
            *("bin", "data", "etc", "file", "lib", "lib64", "link", "through", "tmp", "up")
        ],
    },
    "a run can neither mount nor unmount, and its mounts belong to it alone": {
        "propagation": [1, "0", "mount: permission denied (are you root?)"],
        "umount": [
            1,
            "umount: can't unmount /d: Operation not permitted",
            "mount: permission denied (are you root?)",
            f"touch: /d/x: {READ_ONLY}",
        ],
    },
    "network none is a loopback device that works": {"network_none": [0, "lo", "1"]},
    "network host is the machine's": {"network_host": True},
    "a run is on a host of buildkit's name, or of the one that was asked for": {
        "hostname": [
            0,
            "buildkitsandbox",
            "hostname: sethostname: Operation not permitted",
            "buildkitsandbox",
        ],
        "hostname_given": [0, "box", "1"],
        "machine_s_hostname": os.uname().nodename,
    },
    "shared memory has the size that was asked for": {"shm": [0, "1"]},
    "limits are as asked for": {"limits": [0, "500", "600", "0", "unlimited"]},
    "nothing is left in the state directory": {"left": []},
}


@pytest.mark.parametrize("what", SEEN)
def test_a_user_sees_that(what, seen):
    assert {name: seen[name] for name in SEEN[what]} == SEEN[what]


def test_hosts_are_buildkit_s_and_the_added_ones_before_the_machine_s(seen):
    status, *lines = seen["hosts"]
    assert status == 0
    assert lines[:4] == [
        "127.0.0.1\tlocalhost buildkitsandbox",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "10.1.2.3\tsomewhere",
        "::7\tother",
    ]


def test_other_owners_are_had_or_refused_before_anything_runs(seen, place):
    whole = {
        "secret_owner": [0, "440 33:44", "s3cret-of-this-test"],
        "socket_of_user": [0, "socket 600 33:44", "answer to me"],
        "socket_of_another": [
            0,
            "socket 600 0:0",
            "PermissionError: [Errno 13] Permission denied",
        ],
    }
    why = "cannot be had: this user namespace has one id only"
    one_id = {
        "secret_owner": ["refused", f"the owner 33:44 of the mount /s {why}"],
        "socket_of_user": ["refused", f"the owner 33:44 of the mount /agent {why}"],
        "socket_of_another": [
            "failed",
            "user 33:44 cannot be had here: this user namespace has one id only",
        ],
    }
    expected = one_id if place == few_rights.ONE_ID else whole
    assert {name: seen[name] for name in expected} == expected


def test_a_limit_that_cannot_be_given_is_refused_before_anything_runs(seen):
    kind, why = seen["limit_too_high"]
    assert kind == "refused"
    assert why.startswith("the limit nofile=1024:1099511627776 is more than the ")


@pytest.mark.parametrize(
    ("process", "why"),
    [
        (
            Process(("true",), (), network="none"),
            "this place does not allow a network namespace, which network none needs",
        ),
        (
            Process(("true",), (), sandbox=Sandbox(hostname="box")),
            "this place does not allow a UTS namespace, which a hostname needs",
        ),
        (Process(("true",), (), network="host"), ""),
    ],
)
def test_what_needs_a_namespace_that_is_not_allowed_is_refused(process, why, tmp_path):
    with OverlayRootfs(tmp_path, events.ignore, own_network=False, own_hostname=False) as rootfs:
        assert rootfs.refusal(process) == why


def test_a_read_only_mount_refuses_writes_on_an_old_kernel_too(tmp_path):
    (tmp_path / "f").write_text("old")
    script = f"""
import errno, os
from pybuild.rootfs.run import mounts, syscalls
from pybuild.rootfs.run.protocol import Mount
def missing(target):
    raise OSError(errno.ENOSYS, "Function not implemented")
syscalls.make_read_only = missing
syscalls.unshare(syscalls.CLONE_NEWNS)
syscalls.mount("", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
os.mkdir({str(tmp_path / "target")!r})
mounts._mount_bind(Mount("bind", "", {str(tmp_path)!r}, read_only=True), {str(tmp_path / "target")!r})
try:
    open({str(tmp_path / "target/f")!r}, "w")
except OSError as error:
    print(error.strerror)
"""  # noqa: E501
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout == "Read-only file system\n"
    assert (tmp_path / "f").read_text() == "old"
