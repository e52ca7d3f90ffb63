"""The files of an image: its layers' headers merged into one tree, and the bytes that are left.

Layers are read twice. The first time gives the tree, the second time the bytes of those files that
no later layer hides, in the order in which they stand in the layers. So memory does not depend on
the size of files, and nothing is written before every layer has been found sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice

from pybuild.archive import tar
from pybuild.archive.errors import ArchiveError
from pybuild.archive.sources import blamed_first
from pybuild.errors import IntegrityError
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.index import TreeIndex
from pybuild.tree.links import LinkLoop
from pybuild.tree.walk import join

OpenLayer = Callable[[], Iterator[bytes]]
"""Gives a layer's tar, not compressed, from its beginning; called up to twice. Raises
IntegrityError or ArchiveError at the latest at its end where the bytes are not right."""

Decode = Callable[[Entry], Entry | None]
"""What an entry of a layer's tar means: whiteouts are told apart, None means nothing."""


class ImageFiles:
    """What a chain of layers leaves, the first at the bottom.

    Of the names of one file one is the file, the others are hard links to it.
    """

    def __init__(self, layers: Sequence[OpenLayer], decode: Decode) -> None:
        """Read every layer once.

        Raises:
            IntegrityError: A layer is damaged or makes no sense on those below.
        """
        self._layers = layers
        self._tree = TreeIndex()
        # Members are numbered over all layers. In the place of a file's digest, which nobody asks
        # for here, the tree carries the number of the member that holds its bytes: it follows the
        # file through hard links and replacements.
        self._begins = [0]
        for at, layer in enumerate(layers):
            with self._errors_of(at), blamed_first(layer()) as chunks:
                self._tree.apply(self._read(chunks, decode))
        self._firsts: dict[int, bytes] = {}
        self._holds: list[bytes | None] = [None] * self._begins[-1]
        self._note_names()

    def directories(self) -> list[Entry]:
        """Every directory but the root, parents first."""
        return [entry for entry in self._walk() if entry.kind is Kind.DIRECTORY]

    def contents(self) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        """Every file that is not empty with its bytes, which must be taken before the next.

        Raises:
            IntegrityError: A layer is not what it was when it was read first.
        """
        for at, layer in enumerate(self._layers):
            left = sum(1 for _ in filter(None, islice(self._holds, *self._begins[at : at + 2])))
            if left:
                with self._errors_of(at):
                    yield from self._contents_of(at, tar.read(layer()), left)

    def others(self) -> Iterator[Entry]:
        """All that is neither a directory nor given by ``contents``, each directory sorted.

        Hard links come after what they link to, where that is not given by ``contents``.
        """
        for entry in self._walk():
            first = self._firsts.get(entry.file_id, entry.path)
            if first != entry.path:
                yield _one_more_name(entry, first)
            elif entry.kind is not Kind.DIRECTORY and not entry.size:
                yield entry

    def _walk(self) -> Iterator[Entry]:
        """The tree, a directory and then what is below it; unlike the tree's own, without a list.

        Of the names of one file the first in this order is the file.
        """
        pending = [iter((b"",))]
        while pending:
            path = next(pending[-1], None)
            if path is None:
                pending.pop()
                continue
            entry = self._tree.get(path)
            if entry is not None and path:
                yield entry
            if names := self._tree.children(path):
                pending.append(map(partial(join, path), names))

    def _read(self, chunks: Iterator[bytes], decode: Decode) -> Iterator[Entry]:
        number = self._begins[-1]
        for member in tar.read(chunks):
            entry = decode(member.entry)
            if entry is not None:
                yield _numbered(entry, number)
            number += 1
        self._begins.append(number)

    def _note_names(self) -> None:
        """Find the first name of every file of several, and of every member whose bytes stay."""
        for entry in self._walk():
            if entry.file_id and self._firsts.setdefault(entry.file_id, entry.path) != entry.path:
                continue
            if entry.size:
                self._holds[int.from_bytes(entry.digest, "big")] = entry.path

    def _contents_of(
        self, at: int, members: Iterator[tar.Member], left: int
    ) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        begin, end = self._begins[at : at + 2]
        for number, member in enumerate(members, start=begin):
            path = self._holds[number] if number < end else None
            if path is None:
                continue
            left -= 1
            entry = self._tree.get(path)
            if entry is None or (member.entry.kind, member.entry.size) != (entry.kind, entry.size):
                raise self._changed(at)
            yield _with_digest(entry, b""), self._pieces(at, member)
        if left:
            raise self._changed(at)

    def _pieces(self, at: int, member: tar.Member) -> Iterator[bytes]:
        with self._errors_of(at):
            yield from member.chunks()

    def _changed(self, at: int) -> IntegrityError:
        return IntegrityError(f"layer {at + 1} of {len(self._layers)} changed while it was read")

    @contextmanager
    def _errors_of(self, at: int) -> Iterator[None]:
        try:
            yield
        except (ArchiveError, LinkLoop) as error:
            raise IntegrityError(f"layer {at + 1} of {len(self._layers)}: {error}") from error


def _one_more_name(entry: Entry, first: bytes) -> Entry:
    return Entry(
        entry.path, Kind.HARDLINK, entry.mode, entry.uid, entry.gid, entry.mtime_ns, link=first
    )


def _numbered(entry: Entry, number: int) -> Entry:
    if not entry.path and entry.kind not in {Kind.DIRECTORY, Kind.OPAQUE}:
        raise ArchiveError(f"the root of the tree would become a {entry.kind.value}")
    return _with_digest(entry, number.to_bytes(8, "big")) if entry.size else entry


def _with_digest(entry: Entry, digest: bytes) -> Entry:
    """Like ``replace``, at a quarter of its cost; it is called for every file."""
    return Entry(
        entry.path, entry.kind, entry.mode, entry.uid, entry.gid, entry.mtime_ns, entry.size,
        entry.link, entry.device, entry.xattrs, digest,
    )  # fmt: skip
