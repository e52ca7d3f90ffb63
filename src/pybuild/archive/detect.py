"""Tell an archive from another file by its content, as ADD does (BuildKit ``isArchivePath``)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pybuild.archive.compression import decompress
from pybuild.archive.errors import ArchiveError
from pybuild.archive.header import parse_header

_BLOCK = 512
_PIECE = 64 << 10


def is_archive(path: Path) -> bool:
    """Whether a file is a tar, compressed or not, whose first header can be read."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        block = _first_block(decompress(_pieces(fd)))
        return len(block) == _BLOCK and bool(block.strip(b"\0")) and bool(parse_header(block))
    except ArchiveError:
        return False
    finally:
        os.close(fd)


def _first_block(pieces: Iterator[bytes]) -> bytes:
    block = b""
    for piece in pieces:
        block += piece[: _BLOCK - len(block)]
        if len(block) == _BLOCK:
            break
    return block


def _pieces(fd: int) -> Iterator[bytes]:
    while piece := os.read(fd, _PIECE):
        yield piece
