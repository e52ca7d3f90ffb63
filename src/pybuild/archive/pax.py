"""pax extended header records (POSIX.1-2017 pax, "pax Extended Header")."""

from __future__ import annotations

from collections.abc import Iterable

from pybuild.archive.errors import ArchiveError

XATTR_PREFIX = b"SCHILY.xattr."
"""star's key for an extended attribute; Docker, BuildKit and GNU tar write it too."""

MAX_BYTES = 1 << 20
"""Go's archive/tar reads no more than 1 MiB of special headers (``maxSpecialFileSize``)."""

_LONGEST_NUMBER = 19
_SPARSE_PARTS = frozenset({b"GNU.sparse.offset", b"GNU.sparse.numbytes"})
_NO_NUL = frozenset({b"path", b"linkpath"})


def format_records(records: Iterable[tuple[bytes, bytes]]) -> bytes:
    r"""Records as ``<length> <key>=<value>\n``, where the length counts its own digits."""
    out = bytearray()
    for key, value in records:
        if b"=" in key or b"\0" in key:
            raise ArchiveError(f"{key!r} cannot be a pax key")
        bare = len(key) + len(value) + 3
        length = bare + len(str(bare))
        length = bare + len(str(length))
        out += b"%d %b=%b\n" % (length, key, value)
    return bytes(out)


def parse_records(data: bytes) -> dict[bytes, bytes]:
    """The records of one extended header; a later one of the same key wins.

    Of the map that GNU tar's sparse format 0.0 writes as many records of two keys, one record is
    made as format 0.1 has it.

    Raises:
        ArchiveError: A length is wrong, or a name holds NUL.
    """
    records: dict[bytes, bytes] = {}
    sparse_map: list[bytes] = []
    position = 0
    while position < len(data):
        space = data.find(b" ", position, position + _LONGEST_NUMBER + 1)
        digits = data[position:space] if space > 0 else b""
        if not digits.isdigit():
            raise ArchiveError("a pax record has no length")
        end = position + int(digits)
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not position < end <= len(data) or data[end - 1 : end] != b"\n" or not equals:
            raise ArchiveError("a pax record has a wrong length")
        if b"\0" in key or (key in _NO_NUL and b"\0" in value):
            raise ArchiveError(f"the pax record {key[:80]!r} holds NUL")
        if key in _SPARSE_PARTS:
            sparse_map.append(value)
        records[key] = value
        position = end
    if sparse_map:
        records[b"GNU.sparse.map"] = b",".join(sparse_map)
    return records
