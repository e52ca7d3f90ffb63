"""Where each entry of a draft comes from, in little memory."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pybuild.tree.shelf import Shelves
from pybuild.tree.walk import join

_PART = struct.Struct("<i")
_OWN = -1  # stands for the destination itself
_MADE = b""


@dataclass(frozen=True, slots=True)
class Origin:
    """What an entry is a copy of.

    Attributes:
        part: The number of the part, or None for a file of the destination itself.
        source: Its path in the part's source, or in the destination.
        file: Entries with one number other than 0 are names of one file.
    """

    part: int | None
    source: bytes
    file: int = 0


class Origins:
    """Parts and sources by path; numbers of files are not kept here.

    Nearly all files of a directory come from one directory and keep their names: that is said
    once, and only what differs from it is said by name.
    """

    def __init__(self) -> None:
        self._directories: dict[bytes, tuple[int, bytes]] = {}
        self._others: dict[bytes, Shelves] = {}

    def get(self, path: bytes) -> Origin | None:
        """What was set for a path that has an entry; None for what was made."""
        directory, _, name = path.rpartition(b"/")
        others = self._others.get(directory)
        packed = others.get(name) if others is not None else None
        if packed is None:
            part, source = self._directories[directory]
            return Origin(part, join(source, name))
        if packed == _MADE:
            return None
        (part,) = _PART.unpack_from(packed)
        return Origin(None if part == _OWN else part, packed[_PART.size :])

    def set(self, path: bytes, origin: Origin | None) -> None:
        """Set what an entry is a copy of; None for what was made."""
        directory, _, name = path.rpartition(b"/")
        packed = _MADE
        if origin is not None:
            source, _, source_name = origin.source.rpartition(b"/")
            if origin.part is not None and source_name == name:
                usual = self._directories.setdefault(directory, (origin.part, source))
                if usual == (origin.part, source):
                    self.forget(path)
                    return
            packed = _PART.pack(_OWN if origin.part is None else origin.part) + origin.source
        if directory not in self._others:
            self._others[directory] = Shelves()
        self._others[directory].put(name, packed)

    def forget(self, path: bytes) -> None:
        """Forget what was said of a path by name."""
        directory, _, name = path.rpartition(b"/")
        others = self._others.get(directory)
        if others is not None:
            others.remove(name)
