"""The canonical, length-framed encoding under every cache key.

Each value is a type letter, its length in bytes as a decimal number, a colon, and its bytes; a
sequence is the concatenation of its elements. No two values share an encoding: nothing is joined
by separators, and nothing depends on the order of a dict.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from pybuild.digest import Digest, sha256_of

_MOST_PAIRS = 1 << 16


class Encoded(bytes):
    """A value that has been encoded."""

    __slots__ = ()


Value = str | bytes | int | bool | Encoded | None | Sequence["Value"]


def encode(value: Value) -> bytes:
    """The bytes of a value."""
    match value:
        case Encoded():
            return value
        case None:
            letter, body = b"n", b""
        case bool():
            letter, body = b"t", b"1" if value else b"0"
        case int():
            letter, body = b"i", b"%d" % value
        case str():
            letter, body = b"s", value.encode("utf-8", "surrogateescape")
        case bytes():
            letter, body = b"b", value
        case _:
            letter, body = b"l", b"".join(encode(item) for item in value)
    return _frame(letter, body)


def key_of(*parts: Value) -> Digest:
    """The digest of a sequence of values."""
    return sha256_of(encode(parts))


def encode_pairs(pairs: Iterable[tuple[str, str]]) -> Encoded:
    """The same as the encoding of the pairs, for sequences that have most of their pairs in common.

    Every RUN sees the variables of those before it: to encode them anew each time would make the
    work grow with the square of their number.
    """
    return Encoded(_frame(b"l", b"".join(map(_encode_pair, pairs))))


@lru_cache(_MOST_PAIRS)
def _encode_pair(pair: tuple[str, str]) -> bytes:
    return encode(pair)


def _frame(letter: bytes, body: bytes) -> bytes:
    return b"%b%d:%b" % (letter, len(body), body)
