# ruff: noqa: PTH118, PTH208 - paths in images are bytes, which pathlib does not take
"""Mounts of this container at names that an image may have too."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from pybuild.rootfs import snapshot

# Every runtime mounts these, and no layer can have what a RUN writes to them.
_RUNTIME_FILES = frozenset({b"etc/hosts", b"etc/hostname", b"etc/resolv.conf"})


def among(pins: Iterable[bytes], never_moved: Iterable[bytes]) -> tuple[bytes, ...]:
    """Those of the pins that are somebody's mount, not the runtime's and not ours."""
    return tuple(sorted(set(pins) - set(never_moved) - _RUNTIME_FILES))


def above(path: bytes, mounts: Iterable[bytes]) -> bytes:
    """The mount at or above a path, or empty; all relative to the root."""
    return next((it for it in mounts if path == it or path.startswith(it + b"/")), b"")


def hides(tree: bytes, mount: bytes) -> bool:
    """Whether a tree has something at a mount's place that a RUN then does not see."""
    place = os.path.join(tree, mount)
    try:
        status = os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return not stat.S_ISDIR(status.st_mode) or bool(os.listdir(place))


def looks(root: bytes, mounts: Iterable[bytes]) -> dict[bytes, int]:
    """Keys of the mounts and of the names right in them: deeper would cost too much."""
    seen = {}
    for mount in mounts:
        place = os.path.join(root, mount)
        try:
            seen[mount] = snapshot.key_of(os.lstat(place))
            for name in os.listdir(place):
                seen[mount + b"/" + name] = snapshot.key_of(os.lstat(os.path.join(place, name)))
        except OSError:
            continue  # a file, or a filesystem that does not let us look
    return seen
