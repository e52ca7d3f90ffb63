"""Compressed streams: told apart by their first bytes, inflated in constant memory."""

from __future__ import annotations

import bz2
import itertools
import lzma
from collections.abc import Callable, Iterator
from typing import Protocol, cast

from pybuild.archive.errors import ArchiveError

NONE, GZIP, ZSTD, XZ, BZIP2 = "none", "gzip", "zstd", "xz", "bzip2"

_PIECE_BYTES = 1 << 20
_HEAD_BYTES = 10
_XZ_MEMORY_BYTES = 256 << 20  # xz -9 needs 65 MiB; a header can ask for 4 GiB

_MAGIC = {
    b"\x1f\x8b\x08": GZIP,  # RFC 1952 section 2.3.1, with CM = deflate
    b"\x28\xb5\x2f\xfd": ZSTD,  # RFC 8878 section 3.1.1
    b"\xfd7zXZ\x00": XZ,  # xz-file-format section 2.1.1.1
}
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")  # a first block, or the end of an empty stream
_SKIPPABLE = b"\x2a\x4d\x18"  # RFC 8878 section 3.1.2: 0x184D2A5?, little-endian


class _Decoder(Protocol):
    """What bz2, lzma, isal and zstd decoders have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes: ...


def detect(head: bytes) -> str:
    """The compression of a stream that begins with head (10 bytes are enough)."""
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if head[1:4] == _SKIPPABLE and head[0] >> 4 == 0x5:  # noqa: PLR2004 - the magic's high digit
        return ZSTD
    if head[:3] == b"BZh" and head[3:4] in b"123456789" and head[4:10] in _BZIP2_BLOCKS:
        return BZIP2
    return NONE


def decompress(chunks: Iterator[bytes], *, kind: str | None = None) -> Iterator[bytes]:
    """Inflate a stream piece by piece, at most 1 MiB each.

    Concatenated members (gzip, xz, bzip2) and frames (zstd) are one stream, zeros behind the last
    one are padding. The source is always read to its end, so that a check it makes there happens.

    Args:
        chunks: The compressed bytes.
        kind: One of this module's names; None finds out.

    Raises:
        ArchiveError: The stream is cut, damaged or followed by something else.
    """
    if kind is None:
        head = _head(chunks)
        kind = detect(head)
        chunks = itertools.chain((head,) if head else (), chunks)
    yield from chunks if kind == NONE else _inflate(kind, chunks)


def _head(chunks: Iterator[bytes]) -> bytes:
    head = b""
    while len(head) < _HEAD_BYTES:
        chunk = next(chunks, None)
        if chunk is None:
            break
        head += chunk
    return head


def _inflate(kind: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    make, failure = _decoder(kind)
    decoder: _Decoder | None = None
    members = 0
    for chunk in chunks:
        data = chunk
        while data or (decoder is not None and not decoder.needs_input):
            if decoder is None:
                data = data.lstrip(b"\0") if members else data
                if not data:
                    break
                decoder = make()
                members += 1
            try:
                piece = decoder.decompress(data, _PIECE_BYTES)
            except failure as error:
                raise _damaged(kind, members, error) from error
            data = b""
            if piece:
                yield piece
            if decoder.eof:
                data, decoder = decoder.unused_data, None
    if decoder is not None or not members:
        raise ArchiveError(f"the {kind} stream is cut off")


def _damaged(kind: str, members: int, error: Exception) -> ArchiveError:
    if members > 1:
        return ArchiveError(f"something that is not {kind} follows the {kind} stream: {error}")
    return ArchiveError(f"the {kind} stream is damaged: {error}")


def _decoder(kind: str) -> tuple[Callable[[], _Decoder], type[Exception]]:
    """How to make a decoder, and what it raises; libraries are loaded when they are needed."""
    if kind == GZIP:
        from isal import igzip_lib  # noqa: PLC0415 - see above

        gzip = igzip_lib.DECOMP_GZIP
        failure = cast("type[Exception]", igzip_lib.error)  # its stub says it is an instance
        return lambda: igzip_lib.IgzipDecompressor(flag=gzip), failure
    if kind == ZSTD:
        from pybuild.archive.zstd import ZstdDecompressor, ZstdError  # noqa: PLC0415 - see above

        return ZstdDecompressor, ZstdError
    if kind == XZ:
        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY_BYTES), lzma.LZMAError
    if kind == BZIP2:
        return bz2.BZ2Decompressor, OSError
    raise ArchiveError(f"compression {kind!r} is not known")
