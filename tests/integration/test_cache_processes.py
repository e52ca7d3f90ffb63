"""A cache directory with several builds at once, with builds that are killed, and pruned."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import time

import pytest

from pybuild.cache.directory_stock import DirectoryStock
from pybuild.cache.index import LayoutIndex
from pybuild.cache.open import open_cache
from pybuild.cache.pruning import Rules, choose
from pybuild.digest import sha256_of
from pybuild.store.blobs import LayoutStore

KEYS = [sha256_of(b"key %d" % number) for number in range(12)]

# A build that looks everything up, reads what it found whole, and saves what it did not find.
BUILD = """
import sys
from pathlib import Path
from pybuild.cache.open import open_cache
from pybuild.digest import sha256_of
from pybuild.oci import media
from pybuild.ports import CacheEntry, ChainLayer
from pybuild.store.blobs import LayoutStore

directory, state, times = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
keys = [sha256_of(b"key %d" % number) for number in range(12)]
print("ready", flush=True)
for _ in range(times):
    with LayoutStore(state) as own, LayoutStore(directory) as layout:
        cache = open_cache(
            (directory,), (directory,),
            registry=None, store=own, open_layout=lambda _: layout, emit=print,
        )
        hits = cache.steps.look_up(keys)
        for key in keys:
            if key in hits:
                with cache.store.open(hits[key].chain[-1].descriptor) as file:
                    file.read()
            else:
                data = key.encode() * 3000
                layer = ChainLayer(own.add(data, media.OCI_LAYER), sha256_of(data))
                cache.steps.save(key, CacheEntry("", (layer,), "2026-01-02T03:04:05Z"), "RUN x")
"""


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "cache"


def build(directory, state, times):
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(directory), str(state), str(times)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def prune(directory):
    with LayoutStore(directory) as layout:
        stock = DirectoryStock(directory, layout)
        return stock.remove(choose(stock.held(), Rules(max_bytes=0), 0.0).gone)


def check_is_sound(directory):
    """Every blob has its name's digest, and every entry that is named is a hit."""
    for path in (directory / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    named = set(LayoutIndex(directory).read().steps)
    events = []
    with LayoutStore(directory) as layout:
        cache = open_cache(
            (directory,),
            (),
            registry=None,
            store=layout,
            open_layout=lambda _: layout,
            emit=events.append,
        )
        assert set(cache.steps.look_up(KEYS)) == named
    assert events == []


def test_builds_and_prunings_at_once(directory, tmp_path):
    builds = [build(directory, tmp_path / f"state-{n}", 15) for n in range(3)]
    while any(process.poll() is None for process in builds):
        if directory.exists():
            prune(directory)
    for process in builds:
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert out == ""  # no warning, no entry that was ignored
    check_is_sound(directory)


def test_builds_that_are_killed_leave_a_sound_directory(directory, tmp_path):
    randomness = random.Random(7)
    for _ in range(10):
        builds = [build(directory, tmp_path / f"state-{n}", 1000) for n in range(2)]
        time.sleep(randomness.random() * 0.2)
        for process in builds:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        check_is_sound(directory)
        if randomness.random() < 0.5:
            prune(directory)
            check_is_sound(directory)
    assert not list(directory.glob(".new-*"))
