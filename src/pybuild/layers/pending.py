"""What can be set on directories only when nothing is written into them any more."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable


class PendingDirectories:
    """Times of directories, and modes that would shut us out while we write."""

    def __init__(self) -> None:
        self._times_ns: dict[bytes, int] = {}
        self._modes: dict[bytes, int] = {}
        self._has_all_rights = os.geteuid() == 0

    def visit(self, path: bytes, fd: int) -> None:
        """Something below will change: the directory keeps the time that it has now."""
        if path not in self._times_ns:
            self._times_ns[path] = os.fstat(fd).st_mtime_ns

    def update(self, path: bytes, mtime_ns: int, mode: int) -> int:
        """An entry says what the directory will be; returns the mode for the meantime."""
        self._times_ns[path] = mtime_ns
        self._modes.pop(path, None)
        if self._has_all_rights or mode & stat.S_IRWXU == stat.S_IRWXU:
            return mode
        self._modes[path] = mode
        return mode | stat.S_IRWXU

    def forget_below(self, path: bytes, *, keep: Callable[[bytes], bool]) -> None:
        """The directory and those below are gone, except those to keep."""
        below = path + b"/"
        for known in [p for p in self._times_ns if p == path or p.startswith(below)]:
            if not keep(known):
                del self._times_ns[known]
                self._modes.pop(known, None)

    def finish(self, open_directory: Callable[[bytes], int]) -> None:
        """Set everything, the deepest first: a final mode may close the way down."""
        for path in sorted(self._times_ns, reverse=True):
            fd = open_directory(path)
            if path in self._modes:
                os.fchmod(fd, self._modes[path])
            os.utime(fd, ns=(self._times_ns[path], self._times_ns[path]))
        self._times_ns.clear()
        self._modes.clear()
