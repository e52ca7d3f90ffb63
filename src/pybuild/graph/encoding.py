"""The canonical, length-framed encoding under every cache key.

Each value is a type letter, its length in bytes as a decimal number, a colon, and its bytes; a
sequence is the concatenation of its elements. No two values share an encoding: nothing is joined
by separators, and nothing depends on the order of a dict.
"""

from __future__ import annotations

from collections.abc import Sequence

from pybuild.digest import Digest, sha256_of

Value = str | bytes | int | bool | None | Sequence["Value"]


def encode(value: Value) -> bytes:
    """The bytes of a value."""
    match value:
        case None:
            return _frame(b"n", b"")
        case bool():
            return _frame(b"t", b"1" if value else b"0")
        case int():
            return _frame(b"i", b"%d" % value)
        case str():
            return _frame(b"s", value.encode("utf-8", "surrogateescape"))
        case bytes():
            return _frame(b"b", value)
        case _:
            return _frame(b"l", b"".join(encode(item) for item in value))


def key_of(*parts: Value) -> Digest:
    """The digest of a sequence of values."""
    return sha256_of(encode(parts))


def _frame(letter: bytes, body: bytes) -> bytes:
    return b"%b%d:%b" % (letter, len(body), body)
