"""RUNs in overlay mounts of a user namespace: as a plain user, and as root without SYS_ADMIN."""

import pytest

from tools import few_rights

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


@pytest.fixture
def place():
    with few_rights.reachable_place() as directory:
        yield directory


def run_as(kind, place):
    return few_rights.run(kind, place, PROGRAM, str(place / "state"))


def check_everywhere(result):
    assert result["available"], result["reason"]
    assert result["root"] == [0, "0", "/proc/1", *result["root"][3:]]
    assert result["gone"] == ["data/old", "data/sub/deep"]
    assert set(result["there"]) >= {"", "data", "data/new", "data/sub", "data/cap"}
    assert result["kill"] == [0, "alive"]
    assert result["environ"] != 0
    assert result["left"] == []


@pytest.mark.parametrize("kind", few_rights.MANY_IDS)
def test_with_many_ids_a_run_is_as_with_root(kind, place):
    result = run_as(kind, place)
    check_everywhere(result)
    assert result["note"].startswith("in a user namespace with ")
    assert result["warnings"] == []
    assert result["chown"] == ""
    assert result["cap"] == [33, 44, "0100000200040000000000000000000000000000"]
    assert result["as_user"] == [0, "33", "44 5"]
    assert result["chown_inside"] == [0, "33 44"]
    assert result["caps"] == [0, "00000000a80425fb"]


def test_with_one_id_what_does_not_work_is_said_once_and_named(place):
    result = run_as(few_rights.ONE_ID, place)
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
