"""Write a file's bytes, with holes where there are long runs of zeros."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

_SHORTEST_HOLE = 1 << 16
_ZERO = b"\0"


def fill(fd: int, content: Iterable[bytes]) -> bytes:
    """Write content to a new, empty file; returns the raw sha256 of it."""
    digest = hashlib.sha256()
    ends_in_hole = False
    for piece in content:
        digest.update(piece)
        ends_in_hole = len(piece) >= _SHORTEST_HOLE and not piece[0] and not piece.strip(_ZERO)
        if ends_in_hole:
            os.lseek(fd, len(piece), os.SEEK_CUR)
        else:
            _write(fd, piece)
    if ends_in_hole:
        os.ftruncate(fd, os.lseek(fd, 0, os.SEEK_CUR))
    return digest.digest()


def _write(fd: int, piece: bytes) -> None:
    written = os.write(fd, piece)
    while written < len(piece):  # a nearly full disk takes a part
        piece = piece[written:]
        written = os.write(fd, piece)
