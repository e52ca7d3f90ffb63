"""The store with several builds at once, with builds that are killed, and on a full disk."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from pybuild.digest import sha256_of
from pybuild.errors import StateError
from pybuild.oci.manifest import Descriptor
from pybuild.store.blobs import LayoutStore
from pybuild.store.destination import new_file

DATA = bytes(range(256)) * 4096 * 4  # 4 MiB, the same in every process
BLOB = Descriptor("application/x", sha256_of(DATA), len(DATA))

PRELUDE = """
import os, sys, time
from pathlib import Path
from pybuild.digest import sha256_of
from pybuild.errors import StateError
from pybuild.oci.manifest import Descriptor
from pybuild.store.blobs import LayoutStore

root = Path(sys.argv[1])
data = bytes(range(256)) * 4096 * 4
blob = Descriptor("application/x", sha256_of(data), len(data))

def ready():
    print("ready", flush=True)
    sys.stdin.readline()
"""

WRITE_MANY_TIMES = """
store = LayoutStore(root)
ready()
for _ in range(30):
    with store.writer() as writer:
        for at in range(0, len(data), 65536):
            writer.write(data[at:at + 65536])
        assert writer.commit("application/x", blob.digest) == blob
"""

READ_MANY_TIMES = """
store = LayoutStore(root)
ready()
for _ in range(60):
    with store.open(blob) as file:
        assert file.read() == data
"""

# A build: what it has found or made once is there for as long as it runs.
USE_WHILE_OTHERS_TRIM = """
store = LayoutStore(root)
ready()
end = time.monotonic() + 2
mine = store.add(b"mine of %d" % os.getpid(), "application/x")
had = blob.digest in store
if not had:
    store.add(data, "application/x")
while time.monotonic() < end:
    assert mine.digest in store
    with store.open(blob) as file:
        assert file.read() == data
"""

TRIM_MANY_TIMES = """
ready()
end = time.monotonic() + 3
removed = 0
while time.monotonic() < end:
    with LayoutStore(root) as store:
        removed += store.trim(0).blobs
print(removed)
"""

WRITE_FOR_EVER = """
store = LayoutStore(root)
writing = store.writer()
writer = writing.__enter__()
writer.write(data)
ready()
"""

HOLD = """
store = LayoutStore(root)
assert blob.digest in store
ready()
"""


class Other:
    """Another process, which waits until it is told to go."""

    def __init__(self, root, script):
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + script, root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self):
        assert self.process.stdout.readline() == "ready\n"

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def result(self):
        output, _ = self.process.communicate(timeout=120)
        assert self.process.returncode == 0
        return output

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def root(tmp_path):
    return tmp_path / "blobs"


def race(root, *scripts):
    others = [Other(root, script) for script in scripts]
    for other in others:
        other.wait_until_ready()
    for other in others:
        other.go()
    return [other.result() for other in others]


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_builds_that_write_and_read_the_same_blob_never_see_half_of_it(root):
    LayoutStore(root).add(DATA, "application/x")
    race(root, WRITE_MANY_TIMES, WRITE_MANY_TIMES, READ_MANY_TIMES, READ_MANY_TIMES)
    blob_file = f"blobs/sha256/{BLOB.digest.removeprefix('sha256:')}"
    assert files(root) == [".lock", blob_file, "index.json", "oci-layout"]


def test_what_a_build_uses_stays_while_others_trim(root):
    LayoutStore(root).add(DATA, "application/x")
    *_, removed = race(
        root, USE_WHILE_OTHERS_TRIM, USE_WHILE_OTHERS_TRIM, USE_WHILE_OTHERS_TRIM, TRIM_MANY_TIMES
    )
    assert int(removed) > 0  # once they have ended
    assert files(root) == [".lock", "index.json", "oci-layout"]


def test_a_killed_writer_leaves_nothing_visible_and_its_file_goes(root):
    other = Other(root, WRITE_FOR_EVER)
    other.wait_until_ready()
    assert [name for name in files(root) if name.startswith(".new-")]
    with LayoutStore(root) as store:
        assert BLOB.digest not in store
        assert [name for name in files(root) if name.startswith(".new-")]  # it lives
    other.kill()
    LayoutStore(root).close()
    assert files(root) == [".lock", "index.json", "oci-layout"]


@pytest.mark.parametrize("delay_s", [0.001, 0.003, 0.01, 0.03, 0.1])
def test_killed_at_any_point_the_store_is_whole(root, delay_s):
    other = Other(root, WRITE_MANY_TIMES)
    other.wait_until_ready()
    other.go()
    time.sleep(delay_s)
    other.kill()
    with LayoutStore(root) as store:
        if BLOB.digest in store:
            assert store.open(BLOB).read() == DATA
        assert store.add(DATA, "application/x") == BLOB
        assert not list(root.glob(".new-*"))


def test_a_killed_build_holds_nothing_any_more(root):
    with LayoutStore(root) as store:
        store.add(DATA, "application/x")
        other = Other(root, HOLD)
        other.wait_until_ready()
        assert store.trim(0).blobs == 0
        other.kill()
        assert store.trim(0).blobs == 1


@contextmanager
def small_disk(directory, size_bytes):
    directory.mkdir()
    options = f"size={size_bytes},mode=0755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "small", directory], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_full_disk_is_a_state_error_and_leaves_what_was_there(tmp_path):
    with small_disk(tmp_path / "disk", 6 << 20) as disk, LayoutStore(disk / "blobs") as store:
        first = store.add(DATA, "application/x")
        before = files(disk)
        with pytest.raises(StateError) as caught:
            store.add(DATA[1:], "application/x")
        assert caught.value.status == 9
        assert str(disk / "blobs" / ".new-") in caught.value.message
        assert "No space left on device" in caught.value.message
        assert re.search(
            "after [0-9]+ bytes, [0-9]+ more are needed .* 0 are", caught.value.message
        )
        assert caught.value.hint.startswith("free some space")
        assert files(disk) == before
        assert store.open(first).read() == DATA

        assert store.trim(0).blobs == 1  # which makes room again
        assert store.add(DATA, "application/x") == first


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_an_export_to_a_full_disk_leaves_the_old_one(tmp_path):
    with small_disk(tmp_path / "disk", 2 << 20) as disk:
        (disk / "image.tar").write_bytes(b"old")
        with (
            pytest.raises(StateError, match=r"cannot write .*/image.tar: No space left") as caught,
            new_file(disk / "image.tar") as file,
        ):
            file.write(DATA)
        assert caught.value.hint == "free some space there, or choose another destination"
        assert files(disk) == ["image.tar"]
        assert (disk / "image.tar").read_bytes() == b"old"
