"""Digests as the OCI image specification writes them (descriptor.md, "Digests")."""

from __future__ import annotations

import hashlib
import re
from typing import NewType

from pybuild.errors import IntegrityError

Digest = NewType("Digest", str)
"""``sha256:`` and 64 lower-case hex digits; made by the functions here only."""

_FORM = re.compile(r"sha256:[0-9a-f]{64}")


def parse_digest(text: str, *, source: str = "a document") -> Digest:
    """Check text that came from outside before it is used in a path or a request.

    Raises:
        IntegrityError: text is not a sha256 digest.
    """
    if not _FORM.fullmatch(text):
        raise IntegrityError(f"{source} holds {text[:80]!r}, which is not a sha256 digest")
    return Digest(text)


def sha256_of(data: bytes) -> Digest:
    """The digest of data."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def from_raw(raw: bytes) -> Digest:
    """The digest whose 32 bytes are raw."""
    return Digest("sha256:" + raw.hex())


def hex_of(digest: Digest) -> str:
    """The 64 hex digits without the algorithm."""
    return digest.removeprefix("sha256:")
