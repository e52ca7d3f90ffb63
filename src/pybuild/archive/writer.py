"""Write tar headers: ustar where it can say it, pax records where it cannot.

The same entry always gives the same bytes: names of users are never written, times are whole
seconds, records stand in a fixed order.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

from pybuild.archive import pax
from pybuild.archive.errors import ArchiveError
from pybuild.archive.header import BLOCK
from pybuild.tree.entry import Entry, Kind

END = bytes(2 * BLOCK)
"""The end marker: two blocks of zeros."""

_TYPEFLAGS = {
    Kind.FILE: b"0",
    Kind.HARDLINK: b"1",
    Kind.SYMLINK: b"2",
    Kind.CHARACTER_DEVICE: b"3",
    Kind.BLOCK_DEVICE: b"4",
    Kind.DIRECTORY: b"5",
    Kind.FIFO: b"6",
}
_PAX = b"x"
_NAME_BYTES = 100
_PREFIX_BYTES = 155
_MAX_7 = 8**7 - 1  # seven octal digits and NUL: mode, uid, gid, device
_MAX_11 = 8**11 - 1  # eleven: size, mtime
_PADDINGS = [bytes(size) for size in range(BLOCK)]
_LAYOUT = struct.Struct("100s8s8s8s12s12s8sc100s8s64x8s8s155s12x")
_MAGIC = b"ustar\x0000"


@dataclass(slots=True)
class _Fields:
    """A ustar header's fields, and the records for what they cannot hold."""

    entry: Entry
    records: list[tuple[bytes, bytes]] = field(default_factory=list)

    def number(self, key: bytes, value: int, limit: int) -> int:
        """Value where it fits, else 0 and a record."""
        if 0 <= value <= limit:
            return value
        self.records.append((key, b"%d" % value))
        return 0

    def text(self, key: bytes, value: bytes) -> bytes:
        """Value where it fits, else what of it does, and a record."""
        if len(value) <= _NAME_BYTES and value.isascii():
            return value
        self.records.append((key, value))
        return _ascii(value)[:_NAME_BYTES]

    def name(self, path: bytes) -> tuple[bytes, bytes]:
        """The prefix and name fields."""
        if len(path) > _NAME_BYTES and path.isascii():
            cut = path.rfind(b"/", 0, min(_PREFIX_BYTES + 1, len(path) - 1))
            if cut > 0 and len(path) - cut - 1 <= _NAME_BYTES:
                return path[:cut], path[cut + 1 :]
        return b"", self.text(b"path", path)


def header(entry: Entry) -> bytes:
    """The header blocks of an entry; a FILE's bytes and ``padding`` follow.

    Raises:
        ArchiveError: Nothing in a tar can say this (a whiteout as such, a huge device number).
    """
    typeflag = _TYPEFLAGS.get(entry.kind)
    if typeflag is None or max(entry.device) > _MAX_7:
        raise ArchiveError(f"a tar cannot hold {entry.path!r}, a {entry.kind.value}")
    fields = _Fields(entry)
    block = _block(fields, typeflag)
    fields.records.extend((pax.XATTR_PREFIX + name, value) for name, value in entry.xattrs)
    if not fields.records:
        return block
    body = pax.format_records(fields.records)
    about = Entry(b"PaxHeaders.0/" + _ascii(entry.name)[-80:], Kind.FILE, size=len(body))
    return _block(_Fields(about), _PAX) + body + padding(len(body)) + block


def padding(size: int) -> bytes:
    """What fills the last block behind size bytes."""
    return _PADDINGS[-size % BLOCK]


def _block(fields: _Fields, typeflag: bytes) -> bytes:
    entry = fields.entry
    path = entry.path
    if entry.kind is Kind.DIRECTORY:
        path = path + b"/" if path else b"./"
    prefix, name = fields.name(path)
    link = fields.text(b"linkpath", entry.link)
    block = bytearray(
        _LAYOUT.pack(
            name,
            b"%07o" % (entry.mode & 0o7777),
            b"%07o" % fields.number(b"uid", entry.uid, _MAX_7),
            b"%07o" % fields.number(b"gid", entry.gid, _MAX_7),
            b"%011o" % fields.number(b"size", entry.size, _MAX_11),
            b"%011o" % fields.number(b"mtime", entry.mtime_s, _MAX_11),
            b" " * 8,
            typeflag,
            link,
            _MAGIC,
            b"%07o" % entry.device[0],
            b"%07o" % entry.device[1],
            prefix,
        )
    )
    block[148:156] = b"%06o\0 " % _sum(block)
    return bytes(block)


def _sum(block: bytearray) -> int:
    """The sum of all bytes, ten times faster than ``sum``.

    adler32's low half is 1 + that sum modulo 65521, and 256 bytes add up to 65280 at most.
    """
    half = BLOCK // 2
    return (zlib.adler32(block[:half]) & 0xFFFF) + (zlib.adler32(block[half:]) & 0xFFFF) - 2


def _ascii(text: bytes) -> bytes:
    """Text for readers that know no pax."""
    return text if text.isascii() else bytes(c if c < 0x80 else 0x3F for c in text)  # noqa: PLR2004
