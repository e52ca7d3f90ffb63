"""A tar as the context, in any compression: a file, standard input, or any other stream."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pybuild.archive.compression import NONE, decompress, detect
from pybuild.archive.disk import disk_errors
from pybuild.archive.errors import ArchiveError
from pybuild.archive.tar import read
from pybuild.context.extract import extract
from pybuild.context.inside import LARGEST_TEXT_BYTES, directory_below, new_tree
from pybuild.errors import ContextError
from pybuild.ports import FetchedContext

_CHUNK_BYTES = 1 << 20
_HEAD_BYTES = 512  # a tar's first header; it holds NULs, which a text does not
_STANDARD_INPUT = "standard input"


@dataclass(frozen=True, slots=True)
class TarFile:
    """A tar on this machine."""

    path: Path
    sub_path: str = ""

    def fetch(self, into: Path) -> FetchedContext:
        """Unpack it.

        Raises:
            ContextError: It cannot be read, or is not a tar.
        """
        try:
            with self.path.open("rb") as file:
                return unpack(_chunks(file), into, self.sub_path, source=str(self.path))
        except OSError as error:
            raise ContextError(f"cannot read the context {self.path}: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class StandardInput:
    """A tar or a Dockerfile on standard input, which is read once."""

    stream: BinaryIO
    sub_path: str = ""

    def fetch(self, into: Path) -> FetchedContext:
        """Unpack it as it arrives.

        Raises:
            ContextError: It is a terminal, empty, or neither a tar nor a text.
        """
        if self.stream.isatty():
            raise ContextError(
                "the context is standard input, which is a terminal",
                hint="pipe an archive in: tar cz . | pybuild build -",
            )
        chunks = _chunks(self.stream)
        head = _head(chunks)
        if not head:
            raise ContextError(
                "the context is standard input, and nothing came",
                hint="pipe an archive in; docker run needs -i, kubectl run --stdin",
            )
        stream = itertools.chain((head,), chunks)
        return unpack_or_read(stream, into, self.sub_path, source=_STANDARD_INPUT)


def unpack_or_read(
    chunks: Iterator[bytes], into: Path, sub_path: str, *, source: str
) -> FetchedContext:
    """Unpack a tar, or take a text for a Dockerfile that has no files beside it.

    The arguments are those of ``unpack``.

    Raises:
        ContextError: It is neither.
    """
    head = _head(chunks)
    if not head:
        raise ContextError(f"the context {source} is empty", hint="give an archive that holds it")
    stream = itertools.chain((head,), chunks)
    if detect(head) != NONE or not _is_text(head[:_HEAD_BYTES]):
        return unpack(stream, into, sub_path, source=source)
    if sub_path:
        raise ContextError(
            f"the context {source} is a text, and has no directory {sub_path}",
            hint="give an archive, or leave out the sub-directory",
        )
    dockerfile = into / "Dockerfile"
    with disk_errors(f"cannot write {dockerfile}"), dockerfile.open("xb") as file:
        for chunk in stream:
            file.write(chunk)
            if file.tell() > LARGEST_TEXT_BYTES:
                break  # whoever reads it will say so
    return FetchedContext(directory=new_tree(into), owned=True, dockerfile=dockerfile)


def unpack(chunks: Iterator[bytes], into: Path, sub_path: str, *, source: str) -> FetchedContext:
    """Unpack a tar, whatever its compression, and enter a directory of it.

    Args:
        chunks: The bytes; read to their end.
        into: An empty directory.
        sub_path: The directory that becomes the context; empty is the archive's root.
        source: Names the archive in errors.

    Raises:
        ContextError: It is not a tar, or holds what a context must not.
    """
    try:
        tree = new_tree(into)
        extract(read(decompress(chunks)), tree)
    except ArchiveError as error:
        raise ContextError(
            f"cannot unpack the context {source}: {error}",
            hint="a context archive is a tar, plain or compressed by gzip, zstd, xz or bzip2",
        ) from error
    return FetchedContext(directory=directory_below(tree, sub_path), owned=True)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk


def _head(chunks: Iterator[bytes]) -> bytes:
    """The first bytes: enough to tell a tar, or all there are."""
    head = b""
    while len(head) < _HEAD_BYTES and (chunk := next(chunks, b"")):
        head += chunk
    return head


def _is_text(head: bytes) -> bool:
    """Whether a stream that begins so can only be a text; a cut character at its end is fine."""
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.end >= len(head) and error.reason == "unexpected end of data"
    return True
