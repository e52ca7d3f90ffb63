"""ADD of an archive: its members, their bytes kept by number in a private directory.

No name of an archive is ever a name on this machine: what it may try with ``..``, links and
absolute paths it can only try in the image, and there ``placement/`` holds it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pybuild.archive import compression, tar
from pybuild.archive.disk import disk_errors
from pybuild.archive.errors import ArchiveError
from pybuild.errors import DockerfileError
from pybuild.placement.part import Member
from pybuild.tree.entry import Kind

MAX_MEMBERS = 5_000_000
"""More names than that are an attack, as they are in a context's archive."""

MAX_BYTES = 1 << 40
"""More bytes of files than that are an attack; what the disk has room for is less, as a rule."""

_PIECE = 1 << 20
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def members(archive: Path, into: Path, name: str) -> Iterator[Member]:
    """The members of an archive, in constant memory.

    Args:
        archive: A tar, compressed or not.
        into: An empty directory; gets the bytes of each FILE before it is given, in a file that
            the member's source names.
        name: What the archive is called in errors.

    Raises:
        DockerfileError: The archive is cut, malformed or too large.
        StateError: The disk is full.
    """
    try:
        unpacked = compression.decompress(_pieces(archive))
        for number, member in enumerate(_bounded(tar.read(unpacked))):
            if member.entry.kind is Kind.FILE:
                _keep(member, into / str(number))
            yield Member(member.entry, b"%d" % number)
    except ArchiveError as error:
        raise DockerfileError(
            f"cannot unpack {name}: {error}",
            hint="mend the archive, or copy it as it is with COPY or ADD --unpack=false",
        ) from error


def _bounded(found: Iterator[tar.Member]) -> Iterator[tar.Member]:
    left = MAX_BYTES
    for number, member in enumerate(found):
        left -= member.entry.size
        if number >= MAX_MEMBERS or left < 0:
            raise ArchiveError(f"it holds more than {MAX_MEMBERS} names or {MAX_BYTES} bytes")
        yield member


def _keep(member: tar.Member, place: Path) -> None:
    with disk_errors(f"cannot unpack {place.parent}"):
        fd = os.open(place, _NEW, 0o600)
        with os.fdopen(fd, "wb", buffering=0) as file:
            for piece in member.chunks():
                view = memoryview(piece)
                while view:
                    view = view[file.write(view) :]


def _pieces(archive: Path) -> Iterator[bytes]:
    fd = os.open(archive, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(fd, "rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            yield piece
