"""A directory of this machine as a tree that is read when it is asked for."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pybuild.errors import ContextError
from pybuild.tree.entry import Entry, Kind

_KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.DIRECTORY, stat.S_IFLNK: Kind.SYMLINK}
_DIRECTORY_MODE = 0o755
_OWN = b".git"  # git's own files; they have modes of their own


class DirectoryTree:
    """A checked out repository: files are 0644 or 0755 and directories 0755, whatever the umask.

    Links are not followed; what is neither a file, a directory nor a link is passed over.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = os.fsencode(directory)

    def get(self, path: bytes) -> Entry | None:
        """The entry at exactly this path; None where there is none."""
        place = self._place(path)
        try:
            status = os.lstat(place)
            kind = _KINDS.get(stat.S_IFMT(status.st_mode))
            link = os.readlink(place) if kind is Kind.SYMLINK else b""  # noqa: PTH115 - bytes
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise ContextError(f"cannot read {os.fsdecode(place)}: {error.strerror}") from error
        if kind is None:
            return None
        size = status.st_size if kind is Kind.FILE else 0
        mode = _mode(path, kind, stat.S_IMODE(status.st_mode))
        return Entry(path, kind, mode, 0, 0, status.st_mtime_ns, size, link)

    def children(self, path: bytes) -> tuple[bytes, ...]:
        """Names in a directory, sorted bytewise; empty for all else."""
        entry = self.get(path)
        if entry is None or entry.kind is not Kind.DIRECTORY:
            return ()
        place = self._place(path)
        try:
            return tuple(sorted(os.listdir(place)))  # noqa: PTH208 - bytes
        except OSError as error:
            raise ContextError(f"cannot read {os.fsdecode(place)}: {error.strerror}") from error

    def _place(self, path: bytes) -> bytes:
        return self._directory + b"/" + path if path else self._directory


def _mode(path: bytes, kind: Kind, mode: int) -> int:
    if kind is Kind.DIRECTORY:
        return _DIRECTORY_MODE
    if kind is Kind.SYMLINK or _OWN in path.split(b"/"):
        return mode
    return 0o755 if mode & 0o100 else 0o644
