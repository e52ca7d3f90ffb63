"""RUNs in overlay mounts of a user namespace: as a plain user, and as root without SYS_ADMIN."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import pybuild

PYTHON = "/usr/bin/python3"  # that of the tests may lie where a plain user cannot read
BUSYBOX = Path("/bin/busybox")
USER = "pybuild-userns"
NOBODY_IN_PARTICULAR = 54321

PROGRAM = r"""
import json, os, shutil, sys
from pathlib import Path
from pybuild import errors, events
from pybuild.ports import Process
from pybuild.rootfs import probe
from pybuild.rootfs.open import open_rootfs

state, seen = Path(sys.argv[1]), []
found = probe.overlay(state)
result = {"available": found.available, "reason": found.reason, "note": found.note}
rootfs = open_rootfs("overlay", state, seen.append)
result["warnings"] = [it.message for it in seen if isinstance(it, events.BuildWarning)]
tree = rootfs.stage("s")
result["chown"] = ""
with tree.layer() as root:
    os.umask(0o022)
    for name in ("bin", "tmp", "data", "data/sub"):
        (root / name).mkdir()
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for name in "sh id cat touch rm mkdir ls kill stat chown sort".split():
        (root / "bin" / name).symlink_to("busybox")
    (root / "data/old").write_text("old")
    (root / "data/sub/deep").write_text("deep")
    (root / "data/cap").write_text("x")
    try:
        os.chown(root / "data/cap", 33, 44)
        os.setxattr(root / "data/cap", "security.capability",
                    bytes.fromhex("0100000200040000000000000000000000000000"))
    except OSError as error:
        result["chown"] = error.strerror

def sh(script, **more):
    lines = []
    try:
        status = tree.run(Process(("sh", "-c", script), (("PATH", "/bin"),), **more), lines.append)
    except errors.PybuildError as error:
        return [-1, error.message]
    return [status, *lines]

result["root"] = sh("id -u; cat /etc/hosts > /dev/null && rm /data/old; rm -r /data/sub;"
    " mkdir /data/sub; touch /data/new; touch /data/cap; echo x > /dev/shm/x;"
    "ls -d /proc/[0-9]* | sort")
gone = {os.fsdecode(it.path) for it in tree.candidates() if it.entry is None}
there = {os.fsdecode(it.path): it.entry for it in tree.candidates() if it.entry}
result["gone"] = sorted(gone)
result["there"] = sorted(there)
result["cap"] = [there["data/cap"].uid, there["data/cap"].gid,
                 dict(there["data/cap"].xattrs).get(b"security.capability", b"").hex()]
result["as_user"] = sh("id -u; id -G", uid=33, gid=44, groups=(5,))
result["chown_inside"] = sh("touch /tmp/f; chown 33:44 /tmp/f && stat -c '%u %g' /tmp/f")
result["kill"] = sh("kill -9 -1 2>/dev/null; kill -9 $PPID 2>/dev/null; echo alive")
result["caps"] = sh("while read k v; do test $k != CapEff: || echo $v; done < /proc/self/status")
result["environ"] = sh("cat /proc/$PPID/environ; cat /proc/" + str(os.getpid()) + "/environ")[0]
rootfs.close()
result["left"] = os.listdir(state / "trees")
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def delegated_user():
    """A user whom ``useradd`` gives ranges in ``/etc/subuid`` and ``/etc/subgid``."""
    subprocess.run(["useradd", "--no-create-home", USER], check=True)
    yield USER
    subprocess.run(["userdel", USER], check=True)


@pytest.fixture
def place(tmp_path_factory):
    """A directory that plain users reach."""
    directory = Path("/tmp") / tmp_path_factory.mktemp("userns").name
    directory.mkdir(mode=0o777)
    directory.chmod(0o777)
    # The checkout may lie where a plain user does not reach it.
    shutil.copytree(Path(pybuild.__file__).parent, directory / "source/pybuild")
    yield directory
    shutil.rmtree(directory)


def run_as(rights, place):
    done = subprocess.run(
        ["setpriv", *rights, PYTHON, "-c", PROGRAM, str(place / "state")],
        env={
            "PYTHONPATH": str(place / "source"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SECRET": "hunter2",
        },
        check=False,
        capture_output=True,
        text=True,
        cwd=place,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def as_user(name):
    # An owner of files above would do too; what a container runtime starts has no groups either.
    return [f"--reuid={name}", f"--regid={name}", "--clear-groups", "--inh-caps=-all"]


def without_admin():
    return ["--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]


def check_everywhere(result):
    assert result["available"], result["reason"]
    assert result["root"] == [0, "0", "/proc/1", *result["root"][3:]]
    assert result["gone"] == ["data/old", "data/sub/deep"]
    assert set(result["there"]) >= {"", "data", "data/new", "data/sub", "data/cap"}
    assert result["kill"] == [0, "alive"]
    assert result["environ"] != 0
    assert result["left"] == []


@pytest.mark.parametrize("kind", ["root without SYS_ADMIN", "plain user with newuidmap"])
def test_with_many_ids_a_run_is_as_with_root(kind, place, request):
    is_root = kind.startswith("root")
    rights = without_admin() if is_root else as_user(request.getfixturevalue("delegated_user"))
    result = run_as(rights, place)
    check_everywhere(result)
    assert result["note"].startswith("in a user namespace with ")
    assert result["warnings"] == []
    assert result["chown"] == ""
    assert result["cap"] == [33, 44, "0100000200040000000000000000000000000000"]
    assert result["as_user"] == [0, "33", "44 5"]
    assert result["chown_inside"] == [0, "33 44"]
    assert result["caps"] == [0, "00000000a80425fb"]


def test_with_one_id_what_does_not_work_is_said_once_and_named(place):
    result = run_as(as_user(NOBODY_IN_PARTICULAR), place)
    check_everywhere(result)
    assert result["note"] == "in a user namespace with one id"
    [warning] = result["warnings"]
    assert warning.startswith("one user id only: files of other owners")
    assert result["chown"] == "Invalid argument"
    assert result["as_user"] == [
        -1,
        "user 33:44 cannot be had here: this user namespace has one id only",
    ]
    assert result["chown_inside"][0] != 0
