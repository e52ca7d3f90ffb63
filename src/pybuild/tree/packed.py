"""Entries packed small: about a hundred bytes a name, of which most is its digest."""

from __future__ import annotations

import struct

from pybuild.tree.entry import Entry, Kind

_RECORD = struct.Struct("<IqQQ")  # shared number, mtime_ns, size, file_id; then digest or link
_TAIL = _RECORD.size

_Shared = tuple[Kind, int, int, int, tuple[int, int], tuple[tuple[bytes, bytes], ...]]

Packed = bytes | Entry
"""A packed entry without its path; an entry itself where the record cannot hold it."""


class EntryPacker:
    """Packs and unpacks entries; what many have in common is kept once and numbered.

    A packed entry means something to its own packer and to copies of that one only.
    """

    def __init__(self) -> None:
        self._numbers: dict[_Shared, int] = {}
        self._shared: list[_Shared] = []

    def copy(self) -> EntryPacker:
        """A packer that understands what this one has packed; the two may go on in two threads."""
        other = EntryPacker()
        other._numbers = dict(self._numbers)
        other._shared = list(self._shared)
        return other

    def pack(self, entry: Entry) -> Packed:
        """Everything of an entry but its path."""
        kind = entry.kind
        if kind is Kind.FILE:
            tail, lost = entry.digest, entry.link
        else:
            tail, lost = entry.link, entry.digest
        try:
            record = _RECORD.pack(self._number(entry), entry.mtime_ns, entry.size, entry.file_id)
        except struct.error:
            return entry  # a time or a number that no file system holds
        return entry if lost else record + tail

    def unpack(self, packed: Packed, path: bytes) -> Entry:
        """The entry that was packed, at a path."""
        if not isinstance(packed, bytes):
            return packed if packed.path == path else packed.at(path)
        number, mtime_ns, size, file_id = _RECORD.unpack_from(packed)
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
