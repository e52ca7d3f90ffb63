"""The compressions a layer can be packed with, and their media types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pybuild.oci import media

_GZIP_CONTAINER = 31  # zlib.h, deflateInit2: 15 bits of window plus 16 for a gzip header


class Compressor(Protocol):
    """A compressing stream."""

    def compress(self, data: bytes, /) -> bytes:
        """Take in data; returns what is ready."""

    def flush(self) -> bytes:
        """End the stream; returns the rest."""


@dataclass(frozen=True, slots=True)
class Compression:
    """How a layer is compressed.

    Attributes:
        name: ``gzip`` or ``zstd``.
        level: As the library counts: isal 0 to 3, zstd 1 to 22.
        media_type: Of the packed layer.
    """

    name: str
    level: int
    media_type: str

    def compressor(self) -> Compressor:
        """A new stream; the same bytes always give the same stream: no time, no name."""
        if self.name == "zstd":
            from pybuild.archive.zstd import ZstdCompressor  # noqa: PLC0415 - loaded when needed

            zstd: Compressor = ZstdCompressor(level=self.level)
            return zstd
        from isal import isal_zlib  # noqa: PLC0415 - loaded when needed

        gzip: Compressor = isal_zlib.compressobj(self.level, wbits=_GZIP_CONTAINER)
        return gzip


GZIP = Compression("gzip", 1, media.OCI_LAYER_GZIP)
ZSTD = Compression("zstd", 3, media.OCI_LAYER_ZSTD)
