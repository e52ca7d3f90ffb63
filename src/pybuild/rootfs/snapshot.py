# ruff: noqa: PTH118, PTH208 - paths in images are bytes, which pathlib does not take
"""What changed in a tree on disk: inode change times before and after, compared as they are.

A ctime cannot be set back by a RUN. It is compared with ``!=``, since a clock can be, and together
with the inode number, since a rename brings another file with it.
"""

from __future__ import annotations

import os
import stat
import struct
import time
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

_LONGEST_TICK_S = 1.0
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_END = b"\0"  # no name of a file can hold it
_64_BITS = (1 << 64) - 1
_KEY = struct.Struct("=QQ")


class Keys(NamedTuple):
    """What is in a directory, packed: 16 bytes a name and the name itself.

    Attributes:
        names: In bytewise order, each with a NUL behind it.
        keys: Change time and inode number of each, in the same order.
    """

    names: bytes = b""
    keys: bytes = b""

    @classmethod
    def of(cls, keys: Mapping[bytes, tuple[int, int]]) -> Keys:
        """Pack keys by name."""
        names = sorted(keys)
        return cls(_joined(names), b"".join(_KEY.pack(*keys[name]) for name in names))

    def listed(self) -> list[bytes]:
        """Names, in order."""
        return self.names.split(_END)[:-1]

    def by_name(self) -> dict[bytes, tuple[int, int]]:
        """The key of each name."""
        return dict(zip(self.listed(), _KEY.iter_unpack(self.keys), strict=True))


Snapshot = dict[bytes, Keys]
"""By directory; the root's own key is that of the name ``b""`` in ``b""``."""

_NOTHING = Keys()


def key_of(status: os.stat_result) -> int:
    """Change time and inode number as one number: both, not a hash of them."""
    return status.st_ctime_ns << 64 | status.st_ino


def take(root: bytes, skip: Collection[bytes] = (), known: Snapshot | None = None) -> Snapshot:
    """Walk a tree, on its own filesystem only, without the paths in skip and what is below them.

    Args:
        root: The tree.
        skip: Paths relative to it.
        known: An earlier snapshot, made with the same skip. A directory whose own change time is
            the same has the same names: they are looked at without being listed, which saves a
            quarter.
    """
    known = known or {}
    device = os.lstat(root).st_dev
    snapshot: Snapshot = {}
    waiting = [(b"", False)]
    while waiting:
        path, is_known = waiting.pop()
        before = known.get(path, _NOTHING)
        place = os.path.join(root, path)
        names = before.listed() if is_known else _names_in(place, path, skip)
        keys, directories = _look(place, names, device)
        joined = _joined(names)
        if joined == before.names:
            joined = before.names  # one object in both snapshots
        snapshot[path] = Keys(joined, keys.tobytes())

        old = before.by_name() if directories else {}
        for name, key in directories:
            here = join(path, name)
            waiting.append((here, old.get(name) == key and here in known))
    return snapshot


def with_root(snapshot: Snapshot, key: tuple[int, int]) -> Snapshot:
    """The snapshot with another key of the root itself."""
    keys = Keys.of({**snapshot[b""].by_name(), b"": key})
    return {**snapshot, b"": keys}


def changed(old: Snapshot, new: Snapshot) -> Iterator[bytes]:
    """Paths that are new, are different or are gone; below a directory that is gone, none."""
    return (path for path, _ in _compared(old, new))


def changed_but_for(
    old: Snapshot, new: Snapshot, dispensable: Callable[[bytes], bool]
) -> Iterator[bytes]:
    """What changed, without names that may go, and without directories that lost only such.

    Args:
        old: Before.
        new: After.
        dispensable: Whether a name may vanish, by its path.
    """
    paths = dict(_compared(old, new))
    lost = {path for path, is_there in paths.items() if not is_there and dispensable(path)}
    # Where the tree is a container's, a deletion copies up every directory above: their own keys
    # say nothing then. What is in them is compared name by name all the same.
    thinned = {above for path in lost for above in _above(path) if above in new}
    yield from (path for path in paths if path not in lost and path not in thinned)


def _names_in(place: bytes, path: bytes, skip: Collection[bytes]) -> list[bytes]:
    names = os.listdir(place)
    if skip:
        names = [name for name in names if join(path, name) not in skip]
    if not path:
        names.append(b"")
    names.sort()
    return names


def _look(
    place: bytes, names: list[bytes], device: int
) -> tuple[array[int], list[tuple[bytes, tuple[int, int]]]]:
    """The keys of names in a directory, and again those of directories that are to be entered."""
    keys = array("Q")
    directories = []
    descriptor = os.open(place, _DIRECTORY)
    try:
        for name in names:
            found = os.stat(name or b".", dir_fd=descriptor, follow_symlinks=False)
            changed_ns = found.st_ctime_ns & _64_BITS  # a clock may stand before 1970
            keys.append(changed_ns)
            keys.append(found.st_ino)
            if stat.S_ISDIR(found.st_mode) and found.st_dev == device and name:
                directories.append((name, (changed_ns, found.st_ino)))
    finally:
        os.close(descriptor)
    return keys, directories


def _compared(old: Snapshot, new: Snapshot) -> Iterator[tuple[bytes, bool]]:
    """What differs, and whether it is still there."""
    for directory, keys in new.items():
        if keys == old.get(directory, _NOTHING):
            continue
        before, now = old.get(directory, _NOTHING).by_name(), keys.by_name()
        for name in now.keys() | before.keys():
            if now.get(name) != before.get(name):
                yield join(directory, name), name in now


def _joined(names: list[bytes]) -> bytes:
    return b"".join(name + _END for name in names)


def _above(path: bytes) -> Iterator[bytes]:
    while path := path.rpartition(b"/")[0]:
        yield path


def join(directory: bytes, name: bytes) -> bytes:
    """A path relative to the tree's root."""
    return directory + b"/" + name if directory and name else directory or name


def is_byte_code(path: bytes) -> bool:
    """Whether the interpreter does without: many Dockerfiles end in a find that deletes these."""
    name = path.rpartition(b"/")[2]
    return name == b"__pycache__" or name.endswith(b".pyc")


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
