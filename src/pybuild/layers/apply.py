"""Layers and placed items become files below a directory, in constant memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeGuard

from pybuild.archive import compression, tar
from pybuild.archive.errors import ArchiveError
from pybuild.archive.sources import blamed_first
from pybuild.digest import Digest, from_raw
from pybuild.errors import IntegrityError
from pybuild.layers import whiteouts
from pybuild.layers.applier import Applier
from pybuild.layers.content import ContentReader
from pybuild.layers.pipeline import Prefetch, Worker
from pybuild.oci import media
from pybuild.tree.entry import BytesContent, Entry, Item, Kind


def unpack_layer(
    chunks: Iterator[bytes],
    root: Path,
    *,
    media_type: str,
    diff_id: Digest | None,
    warn: Callable[[str], None],
    record: Callable[[Entry], object],
    unset_xattrs: set[bytes] | None = None,
) -> None:
    """Unpack a layer over what root holds.

    Args:
        chunks: The blob's bytes; read to the end, so that its own check happens, even where they
            make no sense before. Read in a thread.
        root: The tree of the layers below.
        media_type: The descriptor's.
        diff_id: Of the tar; None checks nothing.
        warn: Told what this place cannot do, once a kind.
        record: Given what the layer says, in its order, at paths that hold no links, files with
            their digests; directories that it took for granted included, as root's with mode 0755
            and time 0. Called before the layer's own digest is known to be right.
        unset_xattrs: Gets the names of extended attributes that this place refused.

    Raises:
        IntegrityError: The layer is damaged, hostile or not the one that diff_id names; root then
            holds a part of it.
        StateError: The disk is full or refuses.
    """
    # How it is compressed is taken from the bytes: registries are known to mislabel layers.
    if media_type not in media.LAYERS:
        raise IntegrityError(f"{media_type!r} is not the media type of a layer that can be read")
    digest = hashlib.sha256()
    try:
        with (
            blamed_first(chunks) as packed,
            Prefetch(compression.decompress(packed)) as unpacked,
            Worker(digest.update) as hashing,
            Applier(root, warn, record, unset_xattrs) as applier,
        ):
            for member in tar.read(_copied(unpacked, hashing.put)):
                entry = whiteouts.decode(member.entry)
                if entry is not None:
                    applier.apply(entry, member.chunks())
            applier.finish()
            hashing.finish()
    except ArchiveError as error:
        raise IntegrityError(f"the layer {diff_id or 'without a digest'}: {error}") from error
    _check(from_raw(digest.digest()), diff_id)


def apply_items(items: Iterable[Item], root: Path, *, warn: Callable[[str], None]) -> None:
    """Make placed items be there in root, exactly as a layer with them would.

    Raises:
        IntegrityError: A file changed while it was read, or an item makes no sense in root.
        StateError: The disk is full or refuses.
    """
    with applying(items, root, warn=warn) as applied:
        for _ in applied:
            pass


@contextmanager
def applying(
    items: Iterable[Item], root: Path, *, warn: Callable[[str], None]
) -> Iterator[Iterator[Item]]:
    """Make placed items be there in root one by one, and give each on to be packed.

    All are there when the last has been taken. Contents of small files are given on as they were
    read, so that each is opened once.

    Raises:
        IntegrityError: A file changed while it was read, or an item makes no sense in root.
        StateError: The disk is full or refuses.
    """
    with ContentReader() as reader, Applier(root, warn) as applier:
        yield _applied(items, reader, applier)


def _applied(items: Iterable[Item], reader: ContentReader, applier: Applier) -> Iterator[Item]:
    for item in items:
        if item.entry.kind is not Kind.FILE:
            applier.apply(item.entry)
            yield item
            continue
        pieces = reader.pieces(item)
        applier.apply(item.entry, pieces)
        yield Item(item.entry, BytesContent(b"".join(pieces))) if _is_small(pieces) else item
    applier.finish()


def _is_small(pieces: Iterable[bytes]) -> TypeGuard[tuple[bytes, ...]]:
    """Whether they are in memory; the pieces of a large file are gone when they were taken."""
    return isinstance(pieces, tuple)


def _copied(pieces: Iterator[bytes], copy: Callable[[bytes], None]) -> Iterator[bytes]:
    for piece in pieces:
        copy(piece)
        yield piece


def _check(actual: Digest, expected: Digest | None) -> None:
    if expected is not None and actual != expected:
        raise IntegrityError(f"the layer's tar is {actual}, the image's config says {expected}")
