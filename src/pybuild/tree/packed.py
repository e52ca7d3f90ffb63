"""Entries packed small: 24 bytes, and a digest or a link's target."""

from __future__ import annotations

import struct

from pybuild.tree.entry import Entry, Kind

_RECORD = struct.Struct("<IqQI")  # shared number, mtime_ns, size, file_id; then digest or link
_TAIL = _RECORD.size
_ODD = 2**32 - 1
"""Stands for a shared number where no record can hold the entry; ``size`` numbers it."""

_Shared = tuple[Kind, int, int, int, tuple[int, int], tuple[tuple[bytes, bytes], ...]]


class EntryPacker:
    """Packs and unpacks entries; what many have in common is kept once and numbered.

    A packed entry means something to its own packer and to copies of that one only.
    """

    def __init__(self) -> None:
        self._numbers: dict[_Shared, int] = {}
        self._shared: list[_Shared] = []
        self._odd: list[Entry] = []

    def copy(self) -> EntryPacker:
        """A packer that understands what this one has packed; the two may go on in two threads."""
        other = EntryPacker()
        other._numbers = dict(self._numbers)
        other._shared = list(self._shared)
        other._odd = list(self._odd)
        return other

    def pack(self, entry: Entry) -> bytes:
        """Everything of an entry but its path."""
        kind = entry.kind
        if kind is Kind.FILE:
            tail, lost = entry.digest, entry.link
        else:
            tail, lost = entry.link, entry.digest
        if lost:
            return self._pack_odd(entry)
        number = self._number(entry)
        try:
            return _RECORD.pack(number, entry.mtime_ns, entry.size, entry.file_id) + tail
        except struct.error:  # a time or a number that no file system holds
            return self._pack_odd(entry)

    def unpack(self, packed: bytes, path: bytes) -> Entry:
        """The entry that was packed, at a path."""
        number, mtime_ns, size, file_id = _RECORD.unpack_from(packed)
        if number == _ODD:
            odd: Entry = self._odd[size]
            return odd.at(path)
        kind, mode, uid, gid, device, xattrs = self._shared[number]
        tail = packed[_TAIL:]
        link, digest = (b"", tail) if kind is Kind.FILE else (tail, b"")
        return Entry(
            path, kind, mode, uid, gid, mtime_ns, size, link, device, xattrs, digest, file_id
        )

    def _number(self, entry: Entry) -> int:
        shared = (entry.kind, entry.mode, entry.uid, entry.gid, entry.device, entry.xattrs)
        number = self._numbers.get(shared)
        if number is None:
            number = self._numbers[shared] = len(self._shared)
            self._shared.append(shared)
        return number

    def _pack_odd(self, entry: Entry) -> bytes:
        self._odd.append(entry)
        return _RECORD.pack(_ODD, 0, len(self._odd) - 1, 0)
