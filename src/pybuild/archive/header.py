"""One 512-byte tar header as it stands (POSIX.1-2017 pax, "ustar Interchange Format"; tar(5))."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from typing import NamedTuple

from pybuild.archive.errors import ArchiveError

BLOCK = 512

_FIELDS = struct.Struct("100s8s8s8s12s12s8sc100s6s2s32s32s8s8s155s12x")
_CHECKSUM = slice(148, 156)
_SPARSE = slice(386, 495)  # tar.h of GNU tar, struct oldgnu_header: sp, isextended, realsize
_ADLER_MODULUS = 65521  # RFC 1950: adler32's low half is 1 + the sum of all bytes, modulo this


class Header(NamedTuple):
    """The fields, numbers decoded, before any extended header is applied.

    A tuple, since it is made for every name and takes a quarter of a dataclass's time.

    Attributes:
        sparse: Of GNU tar's type S, the fields of its map, as they stand.
    """

    name: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime_s: int
    typeflag: bytes
    link: bytes
    device: tuple[int, int]
    sparse: bytes = b""


def parse_header(block: bytes) -> Header:
    """Decode a header.

    Raises:
        ArchiveError: The checksum or a number is wrong.
    """
    (name, mode, uid, gid, size, mtime, checksum, typeflag, link, magic, _, _, _, major, minor,
     prefix) = _FIELDS.unpack(block)  # fmt: skip
    _verify(block, number(checksum, "checksum"))
    name = _text(name)
    if magic == b"ustar\0" and prefix[0]:
        name = _text(prefix) + b"/" + name
    is_device = typeflag in {b"3", b"4"}
    return Header(
        name,
        number(mode, "mode"),
        number(uid, "uid"),
        number(gid, "gid"),
        number(size, "size"),
        number(mtime, "mtime"),
        typeflag,
        _text(link),
        (number(major, "device"), number(minor, "device")) if is_device else (0, 0),
        block[_SPARSE] if typeflag == b"S" else b"",
    )


@lru_cache(maxsize=4096)
def number(field: bytes, what: str) -> int:
    """Octal digits, or GNU's base-256 two's complement where the first bit is set.

    Remembered: the modes, owners and times of a layer are few and the same all over.

    Raises:
        ArchiveError: It is neither; what names the field.
    """
    if field[0] & 0x80:
        bits = 8 * len(field) - 1
        value = int.from_bytes(field, "big") & ((1 << bits) - 1)
        return value - (1 << bits) if field[0] & 0x40 else value
    digits = field.strip(b" \0")
    if not digits:
        return 0
    if not digits.isdigit():
        raise ArchiveError(f"a tar header has the {what} {field!r}")
    try:
        return int(digits, 8)
    except ValueError:
        raise ArchiveError(f"a tar header has the {what} {field!r}") from None


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _verify(block: bytes, expected: int) -> None:
    """Compare the sum of all bytes, those of the checksum itself taken as blanks.

    adler32 adds 512 bytes forty times faster than ``sum``; modulo 65521 is enough, since a
    checksum guards against accidents only.
    """
    own = sum(block[_CHECKSUM])
    actual = (zlib.adler32(block) & 0xFFFF) - 1 - own + 8 * 0x20
    if (actual - expected) % _ADLER_MODULUS:
        raise ArchiveError("a tar header has a wrong checksum")
