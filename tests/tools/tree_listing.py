"""Every file below a directory as it really is, to be compared with what was meant."""

# Paths of images are bytes, which pathlib cannot hold.
# ruff: noqa: PTH115, PTH118, PTH123

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Listed:
    """A file.

    Attributes:
        content: A file's digest, a link's target, a device's numbers.
        linked: The bytewise first of a file's names, where it has several.
        mtime_s: Its time, or None where it is newer than the question cares for.
    """

    mode: str
    uid: int
    gid: int
    content: str | bytes | int
    xattrs: dict[str, bytes]
    linked: bytes | None
    mtime_s: int | None = field(default=None)


def listing(root: Path, times_until_s: float) -> dict[bytes, Listed]:
    """Path below the root → the file, the root itself left out.

    Args:
        root: The directory.
        times_until_s: Younger times are not in it: two RUNs never share them.
    """
    paths = sorted(_paths(os.fsencode(root)))
    names: dict[tuple[int, int], bytes] = {}
    found = {}
    for path in paths:
        full = os.path.join(os.fsencode(root), path)
        status = os.lstat(full)
        linked = None
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            linked = names.setdefault((status.st_dev, status.st_ino), path)
        found[path] = Listed(
            stat.filemode(status.st_mode),
            status.st_uid,
            status.st_gid,
            _content(full, status),
            _xattrs(full),
            linked,
            int(status.st_mtime) if status.st_mtime < times_until_s else None,
        )
    return found


def differences(found: dict[bytes, Listed], wanted: dict[bytes, Listed]) -> list[str]:
    """The first of what differs, a line each."""
    lines = [
        f"{path!r}: {found.get(path)} where {wanted.get(path)} was meant"
        for path in sorted({*found, *wanted})
        if found.get(path) != wanted.get(path)
    ]
    return lines[:20]


def _paths(root: bytes) -> Iterator[bytes]:
    for directory, directories, files in os.walk(root):
        for name in (*directories, *files):
            yield os.path.relpath(os.path.join(directory, name), root)


def _content(path: bytes, status: os.stat_result) -> str | bytes | int:
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(path)
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return status.st_rdev


def _xattrs(path: bytes) -> dict[str, bytes]:
    names = os.listxattr(path, follow_symlinks=False)
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
