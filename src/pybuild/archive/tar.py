"""Read a tar as a stream of members: ustar, pax, GNU; hostile ones end in ArchiveError."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pybuild.archive import pax
from pybuild.archive.errors import ArchiveError
from pybuild.archive.header import BLOCK, Header, parse_header
from pybuild.archive.sparse import SparseMap, read_old, read_pax, real_name
from pybuild.archive.stream import ChunkStream
from pybuild.tree.entry import NS_PER_S, Entry, Kind

_KINDS = {
    b"0": Kind.FILE,
    b"\0": Kind.FILE,
    b"7": Kind.FILE,  # contiguous: POSIX says to read it as a regular file
    b"1": Kind.HARDLINK,
    b"2": Kind.SYMLINK,
    b"3": Kind.CHARACTER_DEVICE,
    b"4": Kind.BLOCK_DEVICE,
    b"5": Kind.DIRECTORY,
    b"6": Kind.FIFO,
    b"S": Kind.FILE,  # GNU tar's sparse file
}
_SPECIAL = frozenset(b"xgLK")  # headers about the next header; V is a label that nobody needs
_LABEL = b"V"
_ZEROS = bytes(BLOCK)
_MAX_SIZE = 1 << 63
_MAX_ID = (1 << 32) - 1  # (uid_t)-1 means "leave it" to chown(2), so it can be nobody's
_MAX_TIME_S = 1 << 55  # beyond what any file system holds; base-256 can say more than time_t
_LONGEST_TIME = 18
_DIGITS_NS = 9
_OVERLAY = (b"trusted.overlay.", b"user.overlay.")
_KEPT_GLOBALS = frozenset({b"path", b"linkpath", b"size", b"uid", b"gid", b"mtime"})
"""Records of g headers that are applied; git archive writes a comment, Docker reads none."""


@dataclass(slots=True)
class Member:
    """One name of a tar.

    Attributes:
        entry: Path and hard link target are relative and without ``.`` and ``..``; ``b""`` is the
            root. Nothing is said yet about whiteouts: they are files here.
    """

    entry: Entry
    _stream: ChunkStream = field(repr=False)
    _left: int = 0
    _sparse: SparseMap | None = None

    def chunks(self) -> Iterator[bytes]:
        """The file's bytes, once, holes of sparse files as zeros; what is not taken is passed over.

        Raises:
            ArchiveError: The archive ends within the file.
        """
        if self._sparse is not None:
            return self._sparse.expand(self._stored)
        return self._stored(self._left)

    def _stored(self, size: int) -> Iterator[bytes]:
        for piece in self._stream.pieces(size):
            self._left -= len(piece)
            size -= len(piece)
            yield piece
        if size:
            raise _cut(self.entry.path)

    def skip(self) -> None:
        """Pass over what ``chunks`` has not given."""
        left, self._left = self._left, 0
        if left and self._stream.skip(left) < left:
            raise _cut(self.entry.path)


def read(chunks: Iterator[bytes]) -> Iterator[Member]:
    """The members of a tar in their order, each valid until the next is asked for.

    The source is read to its end, so that a check it makes there happens.

    Args:
        chunks: The tar's bytes, not compressed.

    Raises:
        ArchiveError: The archive is cut, malformed, or tries to leave its root.
    """
    stream = ChunkStream(chunks)
    extended = _Extended()
    while (header := _next_header(stream)) is not None:
        if header.typeflag[0] in _SPECIAL:
            extended.read(header, stream)
        elif header.typeflag != _LABEL:
            member, size = _member(header, extended.take(), stream)
            yield member
            member.skip()
            _pad(stream, size)
        else:
            stream.skip(_rounded(header.size))
    stream.drain()


class _Extended:
    """What the headers before a header say of it."""

    def __init__(self) -> None:
        self._global: dict[bytes, bytes] = {}
        self._next: dict[bytes, bytes] = {}

    def read(self, header: Header, stream: ChunkStream) -> None:
        """Take in a header of type x, g, L or K."""
        if not 0 <= header.size <= pax.MAX_BYTES:
            raise ArchiveError(f"an extended tar header of {header.size} bytes is too large")
        body = stream.take(header.size)
        if len(body) < header.size:
            raise ArchiveError("the tar is cut off within an extended header")
        _pad(stream, header.size)
        match header.typeflag:
            case b"L":
                self._next[b"path"] = _gnu_text(body)
            case b"K":
                self._next[b"linkpath"] = _gnu_text(body)
            case b"x":
                self._next.update(pax.parse_records(body))
            case _:
                records = pax.parse_records(body)
                self._global.update({k: v for k, v in records.items() if k in _KEPT_GLOBALS})

    def take(self) -> Mapping[bytes, bytes]:
        """What applies to the header that was read now."""
        if not self._next and not self._global:
            return {}
        merged = {**self._global, **self._next}
        self._next = {}
        return merged


def _next_header(stream: ChunkStream) -> Header | None:
    block = stream.take(BLOCK)
    if not block:
        return None  # no end marker: Docker and GNU tar accept that
    if len(block) < BLOCK:
        raise ArchiveError("the tar is cut off within a header")
    if block[0] == 0 and block == _ZEROS:
        if stream.take(BLOCK).strip(b"\0"):
            raise ArchiveError("something follows a lone zero block of the tar")
        return None
    return parse_header(block)


def _member(
    header: Header, records: Mapping[bytes, bytes], stream: ChunkStream
) -> tuple[Member, int]:
    """The member, and how many bytes of its body the stream is in front of."""
    kind = _KINDS.get(header.typeflag)
    name = records.get(b"path") or header.name
    if kind is None:
        raise ArchiveError(f"{name[:200]!r}: the tar type {header.typeflag!r} is not supported")
    if header.typeflag == b"\0" and name.endswith(b"/"):
        kind = Kind.DIRECTORY  # how tars older than ustar write directories
    if kind is not Kind.FILE:
        # the size of a link or directory is not followed by bytes (Go, GNU)
        return Member(_entry(header, records, kind, name, 0), stream), 0

    size = _bounded(records, b"size", header.size, _MAX_SIZE)
    if not header.sparse and not records:
        return Member(_entry(header, records, kind, name, size), stream, size), size
    sparse = read_old(header.sparse, stream) if header.sparse else read_pax(records, stream)
    if sparse is None:
        return Member(_entry(header, records, kind, name, size), stream, size), size
    size -= sparse.map_bytes
    if sparse.stored_bytes != size:
        raise ArchiveError(f"{name[:200]!r}: the map of a sparse file does not fit its bytes")
    entry = _entry(header, records, kind, real_name(records) or name, sparse.size)
    return Member(entry, stream, size, sparse), size


def _entry(
    header: Header, records: Mapping[bytes, bytes], kind: Kind, name: bytes, size: int
) -> Entry:
    link = b""
    if kind is Kind.HARDLINK:
        link = _relative(records.get(b"linkpath") or header.link)
    elif kind is Kind.SYMLINK:
        link = records.get(b"linkpath") or header.link
        if b"\0" in link:
            raise ArchiveError(f"the link target {link[:80]!r} holds NUL")
    return Entry(
        _relative(name),
        kind,
        header.mode & 0o7777,
        _bounded(records, b"uid", header.uid, _MAX_ID),
        _bounded(records, b"gid", header.gid, _MAX_ID),
        _time_ns(records.get(b"mtime"), header.mtime_s),
        size,
        link,
        header.device,
        _xattrs(records) if records else (),
    )


def _relative(name: bytes) -> bytes:
    """Take name as a path below the root; ``..`` undoes the name before it, as in Go's ``Clean``.

    Raises:
        ArchiveError: It climbs out of the root or up to it, or no path can hold it.
    """
    if b"\0" in name:
        raise ArchiveError(f"the name {name[:80]!r} holds NUL")
    name = name.strip(b"/").removeprefix(b"./")
    if b"/." not in name and b"//" not in name and not name.startswith((b".", b"/")):
        return name  # nearly all
    parts: list[bytes] = []
    is_outside = False
    for part in name.split(b"/"):
        if part == b"..":
            is_outside = is_outside or not parts
            del parts[-1:]
        elif part not in {b"", b"."}:
            parts.append(part)
    if is_outside or (not parts and b".." in name):
        raise ArchiveError(f"the name {name[:200]!r} climbs out of its directory")
    return b"/".join(parts)


def _bounded(records: Mapping[bytes, bytes], key: bytes, plain: int, limit: int) -> int:
    value = plain
    if records and (text := records.get(key)):
        if not text.isdigit() or len(text) > len(str(limit)):
            raise ArchiveError(f"a pax header has the {key.decode()} {text[:40]!r}")
        value = int(text)
    if not 0 <= value < limit:
        raise ArchiveError(f"a tar header has the {key.decode()} {value}")
    return value


def _time_ns(text: bytes | None, plain_s: int) -> int:
    seconds, nanoseconds = plain_s, 0
    if text:
        whole, _, fraction = text.partition(b".")
        digits = whole.removeprefix(b"-")
        is_number = digits.isdigit() and len(digits) <= _LONGEST_TIME
        if not is_number or (fraction and not fraction.isdigit()):
            raise ArchiveError(f"a pax header has the mtime {text[:40]!r}")
        seconds = int(whole)
        nanoseconds = int(fraction[:_DIGITS_NS].ljust(_DIGITS_NS, b"0"))
        if whole.startswith(b"-"):
            nanoseconds = -nanoseconds
    if abs(seconds) >= _MAX_TIME_S:
        raise ArchiveError(f"a tar header has the mtime {seconds}")
    return seconds * NS_PER_S + nanoseconds


def _xattrs(records: Mapping[bytes, bytes]) -> tuple[tuple[bytes, bytes], ...]:
    found = (
        (key.removeprefix(pax.XATTR_PREFIX), value)
        for key, value in records.items()
        if key.startswith(pax.XATTR_PREFIX)
    )
    # overlay.* would change how a file system that the tree is a layer of sees it
    return tuple(sorted(pair for pair in found if not pair[0].startswith(_OVERLAY)))


def _gnu_text(body: bytes) -> bytes:
    return body.rstrip(b"\0")  # a NUL within is found by _relative


def _rounded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _pad(stream: ChunkStream, size: int) -> None:
    padding = -size % BLOCK
    if padding:
        stream.take(padding)  # GNU tar and Go accept a last member without its padding


def _cut(path: bytes) -> ArchiveError:
    return ArchiveError(f"the tar is cut off within {path[:200]!r}")
