"""A path inside an image: bytes, absolute, normalized; never mixed with ``pathlib.Path``."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class ImagePath:
    """An absolute path in an image, without ``.``, ``..``, doubled or trailing slashes.

    ``relative`` is the form that trees and tar headers use: no leading slash, ``b""`` is the root.
    """

    relative: bytes

    def __post_init__(self) -> None:
        """Hold the invariant where the value is made."""
        if self.relative != _normalize(self.relative):
            raise ValueError(f"{self.relative!r} is not normalized")

    @classmethod
    def parse(cls, text: str | bytes) -> ImagePath:
        """Normalize text as if it were absolute: ``..`` at the root stays at the root."""
        return cls(_normalize(os.fsencode(text)))

    def join(self, text: str | bytes) -> ImagePath:
        """Text below this path, or text itself where it is absolute."""
        raw = os.fsencode(text)
        if raw.startswith(b"/"):
            return ImagePath.parse(raw)
        return ImagePath.parse(self.relative + b"/" + raw)

    @property
    def name(self) -> bytes:
        """The last component; empty for the root."""
        return self.relative.rpartition(b"/")[2]

    @property
    def parent(self) -> ImagePath:
        """The directory above; the root is its own parent."""
        return ImagePath(self.relative.rpartition(b"/")[0])

    def is_below(self, other: ImagePath) -> bool:
        """Whether this path is other or lies below it."""
        return (
            not other.relative
            or self.relative == other.relative
            or self.relative.startswith(other.relative + b"/")
        )

    def __str__(self) -> str:
        return os.fsdecode(b"/" + self.relative)


def _normalize(raw: bytes) -> bytes:
    parts: list[bytes] = []
    for part in raw.split(b"/"):
        if part == b"..":
            if parts:
                parts.pop()
        elif part not in {b"", b"."}:
            parts.append(part)
    return b"/".join(parts)


ROOT = ImagePath(b"")
