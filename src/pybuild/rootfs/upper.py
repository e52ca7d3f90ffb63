# ruff: noqa: PTH118, PTH208 - paths in images are bytes, which pathlib does not take
"""An overlay's upper directory read as candidates for change."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from pybuild.rootfs import entries
from pybuild.tree.entry import Candidate, Kind

# filesystems/overlayfs.rst, "whiteouts and opaque directories"; the second with ``userxattr``.
TRUSTED_OPAQUE = "trusted.overlay.opaque"
USER_OPAQUE = "user.overlay.opaque"


def candidates(
    upper: Path, below: Callable[[], AbstractContextManager[Path]], opaque_mark: str
) -> Iterator[Candidate]:
    """What an upper directory changes in the tree below it.

    Args:
        upper: Not mounted any more, or not written to.
        below: Gives the tree as it was; called only if a directory hides what it had.
        opaque_mark: The attribute that marks such directories.
    """
    top = os.fsencode(upper)
    opaque: list[bytes] = []
    waiting = [b""]
    yield entries.candidate(top, b"")
    while waiting:
        directory = waiting.pop()
        if _is_opaque(os.path.join(top, directory), opaque_mark):
            opaque.append(directory)
        for name in sorted(os.listdir(os.path.join(top, directory))):
            path = os.path.join(directory, name)
            found = _candidate(top, path)
            yield found
            if found.entry and found.entry.kind is Kind.DIRECTORY:
                waiting.append(path)

    if opaque:
        with below() as lower:
            gone = [path for directory in opaque for path in _hidden(lower, top, directory)]
        yield from (Candidate(path, None) for path in gone)


def _candidate(top: bytes, path: bytes) -> Candidate:
    found = entries.candidate(top, path)
    is_device = found.entry is not None and found.entry.kind is Kind.CHARACTER_DEVICE
    if is_device and found.entry is not None and found.entry.device == (0, 0):
        return Candidate(path, None)
    return found


def _hidden(lower: Path, top: bytes, directory: bytes) -> Iterator[bytes]:
    """Names that an opaque directory hides; those it has again are looked into as well."""
    before = os.path.join(os.fsencode(lower), directory)
    if not _is_directory(before):
        return
    for name in os.listdir(before):
        path = os.path.join(directory, name)
        now = os.path.join(top, path)
        if not os.path.lexists(now):
            yield path
        elif _is_directory(now):
            yield from _hidden(lower, top, path)


def _is_directory(path: bytes) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _is_opaque(directory: bytes, mark: str) -> bool:
    try:
        return os.getxattr(directory, mark, follow_symlinks=False) == b"y"
    except OSError:
        return False  # ENODATA, or a filesystem without attributes
