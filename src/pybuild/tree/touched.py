"""Which paths one layer has written: what its whiteouts must not hide."""

from __future__ import annotations

_END = b"\0"  # no name of a file can hold it


class TouchedPaths:
    """Paths that were written, and the directories above them.

    Nearly all layers only add to it and never ask, so names lie end to end, a directory at a time
    (a set of paths takes ten times the memory); a directory that is asked about becomes a set.
    """

    def __init__(self) -> None:
        self._names: dict[bytes, bytearray | set[bytes]] = {}

    def add(self, path: bytes) -> None:
        """Take in a path, and the directories above it."""
        directory, _, name = path.rpartition(b"/")
        names = self._names.get(directory)
        if names is None:
            names = self._names[directory] = bytearray()
            if directory:
                self.add(directory)
        if isinstance(names, set):
            names.add(name)
        else:
            names += name + _END

    def __contains__(self, path: bytes) -> bool:
        """Whether something was written at or below path."""
        directory, _, name = path.rpartition(b"/")
        names = self._names.get(directory)
        if names is None:
            return False
        if not isinstance(names, set):
            names = self._names[directory] = set(bytes(names).split(_END)[:-1])
        return name in names
