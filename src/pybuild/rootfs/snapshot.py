# ruff: noqa: PTH118, PTH208 - paths in images are bytes, which pathlib does not take
"""What changed in a tree on disk: inode change times before and after, compared as they are.

A ctime cannot be set back by a RUN. It is compared with ``!=``, since a clock can be, and together
with the inode number, since a rename brings another file with it.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection, Iterator

Snapshot = dict[bytes, dict[bytes, int]]
"""By directory, the key of each name in it; the root's own key is ``[b""][b""]``."""

_LONGEST_TICK_S = 1.0
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def key_of(status: os.stat_result) -> int:
    """Change time and inode number as one number: both, not a hash of them."""
    return status.st_ctime_ns << 64 | status.st_ino


def take(root: bytes, skip: Collection[bytes] = (), known: Snapshot | None = None) -> Snapshot:
    """Walk a tree, on its own filesystem only, without the paths in skip and what is below them.

    Args:
        root: The tree.
        skip: Paths relative to it.
        known: An earlier snapshot. A directory whose own change time is the same has the same
            names: they are looked at without being listed, which saves a third.
    """
    known = known or {}
    status = os.lstat(root)
    device = status.st_dev
    snapshot: Snapshot = {}
    waiting = [(b"", False)]
    while waiting:
        path, is_known = waiting.pop()
        before = known.get(path, {})
        keys: dict[bytes, int] = {} if path else {b"": key_of(status)}
        prefix = path + b"/" if path else b""

        place = os.path.join(root, path)
        descriptor = os.open(place, _DIRECTORY)
        try:
            for name in before if is_known else os.listdir(place):
                if skip and prefix + name in skip:
                    continue
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                keys[name] = key = found.st_ctime_ns << 64 | found.st_ino  # key_of, without a call
                if stat.S_ISDIR(found.st_mode) and found.st_dev == device:
                    here = prefix + name
                    waiting.append((here, before.get(name) == key and here in known))
        finally:
            os.close(descriptor)
        snapshot[path] = keys
    return snapshot


def changed(old: Snapshot, new: Snapshot) -> Iterator[bytes]:
    """Paths that are new, are different or are gone; below a directory that is gone, none."""
    for directory, keys in new.items():
        before = old.get(directory, {})
        if keys == before:
            continue
        for name in keys.keys() | before.keys():
            if keys.get(name) != before.get(name):
                yield join(directory, name)


def changed_but_for(
    old: Snapshot, new: Snapshot, dispensable: Callable[[bytes], bool]
) -> Iterator[bytes]:
    """What changed, without names that may go, and without directories that lost only such.

    Args:
        old: Before.
        new: After.
        dispensable: Whether a name may vanish, by its path.
    """
    paths = list(changed(old, new))
    lost = {path for path in paths if _key(new, path) is None and dispensable(path)}
    # Where the tree is a container's, a deletion copies up every directory above: their own keys
    # say nothing then. What is in them is compared name by name all the same.
    thinned = {above for path in lost for above in _above(path) if above in new}
    yield from (path for path in paths if path not in lost and path not in thinned)


def _key(snapshot: Snapshot, path: bytes) -> int | None:
    directory, _, name = path.rpartition(b"/")
    return snapshot.get(directory, {}).get(name)


def _above(path: bytes) -> Iterator[bytes]:
    while path := path.rpartition(b"/")[0]:
        yield path


def join(directory: bytes, name: bytes) -> bytes:
    """A path relative to the tree's root."""
    return directory + b"/" + name if directory and name else directory or name


def wait_for_tick(marker: bytes) -> None:
    """Return when a change from now on gets another ctime than every change until now.

    Kernels before 6.13 count ctimes in clock ticks, 1 to 10 ms; later ones, on most filesystems,
    in nanoseconds for an inode whose time was looked at. Trying finds out which.

    Args:
        marker: A file on the filesystem in question, to be touched.
    """
    descriptor = os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.utime(descriptor)
        first_ns = os.fstat(descriptor).st_ctime_ns
        deadline_s = time.monotonic() + _LONGEST_TICK_S
        while os.fstat(descriptor).st_ctime_ns == first_ns and time.monotonic() < deadline_s:
            os.utime(descriptor)
    finally:
        os.close(descriptor)
