"""Sparse files as GNU tar writes them: which parts of a file are stored, the rest being zeros.

GNU tar's manual, "Storing Sparse Files", knows four formats: the old one (type S, the map in the
header) and three in pax records, 0.0, 0.1 and 1.0 (the map in front of the file's bytes).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pybuild.archive.errors import ArchiveError
from pybuild.archive.header import BLOCK, number
from pybuild.archive.pax import MAX_BYTES
from pybuild.archive.stream import ChunkStream

PREFIX = b"GNU.sparse."
MAP = PREFIX + b"map"
_MAJOR, _MINOR = PREFIX + b"major", PREFIX + b"minor"
_NAME = PREFIX + b"name"
_SIZES = (PREFIX + b"realsize", PREFIX + b"size")

_OLD = struct.Struct("96sc12s")  # four regions, whether a block follows, the real size
_OLD_BLOCK = struct.Struct("504sc7x")  # 21 regions, whether one more follows
_NUMBER_BYTES = 12
_LONGEST_LINE = 20
_MAX_SIZE = 1 << 63
_ZEROS = bytes(1 << 20)

Region = tuple[int, int]
"""Where a stored part begins in the file, and how long it is."""


@dataclass(frozen=True, slots=True)
class SparseMap:
    """Which parts of a file are stored.

    Attributes:
        size: Of the whole file.
        regions: In order; they do not overlap.
        map_bytes: How much of the member the map itself takes, before the parts.
    """

    size: int
    regions: tuple[Region, ...]
    map_bytes: int = 0

    def __post_init__(self) -> None:
        """Hold the invariant where the value is made."""
        position = 0
        for begin, length in (*self.regions, (self.size, 0)):
            if begin < position or length < 0:
                raise ArchiveError("the map of a sparse file makes no sense")
            position = begin + length
        if self.size >= _MAX_SIZE:
            raise ArchiveError(f"a sparse file has the size {self.size}")

    @property
    def stored_bytes(self) -> int:
        """How many bytes the parts have."""
        return sum(length for _, length in self.regions)

    def expand(self, stored: Callable[[int], Iterator[bytes]]) -> Iterator[bytes]:
        """The whole file; stored gives the next so many bytes of its parts."""
        position = 0
        for begin, length in self.regions:
            yield from _zeros(begin - position)
            yield from stored(length)
            position = begin + length
        yield from _zeros(self.size - position)


def read_old(field: bytes, stream: ChunkStream) -> SparseMap:
    """The map of a member of type S: in its header, and in blocks behind it.

    Args:
        field: Bytes 386 to 495 of the header.
        stream: Behind the header; behind the map's blocks afterwards.
    """
    table, more, size = _OLD.unpack(field)
    regions = list(_old_regions(table))
    taken = 0
    while more not in {b"\0", b"0"}:
        block = stream.take(BLOCK)
        taken += BLOCK
        if len(block) < BLOCK or taken > MAX_BYTES:
            raise ArchiveError("the map of a sparse file has no end")
        table, more = _OLD_BLOCK.unpack(block)
        regions += _old_regions(table)
    return SparseMap(number(size, "size"), tuple(regions))


def read_pax(records: Mapping[bytes, bytes], stream: ChunkStream) -> SparseMap | None:
    """The map that pax records announce; None where the file is an ordinary one.

    Args:
        records: Of the member; 0.0's repeated records joined with commas to one of 0.1.
        stream: Behind the header; behind the map of format 1.0 afterwards.
    """
    sizes = [records[key] for key in _SIZES if key in records]
    major, minor = records.get(_MAJOR, b"0"), records.get(_MINOR, b"0")
    if not sizes:
        if any(key.startswith(PREFIX) for key in records):
            raise ArchiveError("a sparse file has no size")
        return None

    size = _decimal(sizes[0])
    if (major, minor) == (b"1", b"0"):
        numbers, taken = _read_front(stream)
        return SparseMap(size, _pairs(numbers), taken)
    if major != b"0":
        raise ArchiveError(f"sparse files of version {major[:9]!r}.{minor[:9]!r} are not supported")
    listed = records.get(MAP, b"")
    return SparseMap(size, _pairs([_decimal(one) for one in listed.split(b",") if listed]))


def real_name(records: Mapping[bytes, bytes]) -> bytes:
    """What the file is called; its header has a made-up name. Empty where records do not say."""
    return records.get(_NAME, b"")


def _read_front(stream: ChunkStream) -> tuple[list[int], int]:
    """Format 1.0: lines of one number each, the first says how many pairs; filled up to a block."""
    text = b""
    taken = 0
    wanted = 1
    while text.count(b"\n") < wanted:
        block = stream.take(BLOCK)
        taken += BLOCK
        if len(block) < BLOCK or taken > MAX_BYTES:
            raise ArchiveError("the map of a sparse file has no end")
        text += block
        if wanted == 1 and b"\n" in text:
            wanted += 2 * _decimal(text.partition(b"\n")[0])
    return [_decimal(line) for line in text.split(b"\n")[1:wanted]], taken


def _pairs(numbers: list[int]) -> tuple[Region, ...]:
    if len(numbers) % 2:
        raise ArchiveError("the map of a sparse file lacks a number")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _old_regions(table: bytes) -> Iterator[Region]:
    for at in range(0, len(table), 2 * _NUMBER_BYTES):
        begin = table[at : at + _NUMBER_BYTES]
        length = table[at + _NUMBER_BYTES : at + 2 * _NUMBER_BYTES]
        if not length[0]:
            return
        yield number(begin, "offset"), number(length, "size")


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > _LONGEST_LINE:
        raise ArchiveError(f"the map of a sparse file has the number {text[:40]!r}")
    return int(text)


def _zeros(size: int) -> Iterator[bytes]:
    while size > 0:
        piece = _ZEROS if size >= len(_ZEROS) else _ZEROS[:size]
        size -= len(piece)
        yield piece
