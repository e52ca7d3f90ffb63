"""One name in a tree or in a layer."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

NS_PER_S = 1_000_000_000


class Kind(enum.Enum):
    """What a name is. The last three stand in layers only, never in a tree."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    CHARACTER_DEVICE = "character device"
    BLOCK_DEVICE = "block device"
    FIFO = "fifo"
    HARDLINK = "hard link"
    WHITEOUT = "whiteout"
    OPAQUE = "opaque whiteout"


@dataclass(slots=True)
class _Unfrozen:
    """The fields of an Entry while it is made."""

    path: bytes
    kind: Kind
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    size: int
    link: bytes
    device: tuple[int, int]
    xattrs: tuple[tuple[bytes, bytes], ...]
    digest: bytes
    file_id: int


@dataclass(frozen=True, slots=True, init=False)
class Entry:
    """A name with everything that a layer says of it.

    Attributes:
        path: Relative to the root, no leading or trailing slash; ``b""`` is the root itself.
            A whiteout's path is that of the name it hides, an opaque whiteout's that of its
            directory.
        mode: Permission bits with set-id and sticky, without the type.
        mtime_ns: Compared, and written to layers, in whole seconds.
        size: Bytes of a FILE; 0 for all else.
        link: The target of a SYMLINK, as it stands; for a HARDLINK the path of the file in the
            same form as ``path``.
        device: Major and minor of a device.
        xattrs: Sorted by name; never ``overlay.*``.
        digest: The raw sha256 of a FILE's bytes; empty where nobody has computed it.
        file_id: In a tree, names of one file share a number other than 0; 0 for a file of one
            name, and in layers. Never compared between trees, and never part of a change.
    """

    path: bytes
    kind: Kind
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    size: int = 0
    link: bytes = b""
    device: tuple[int, int] = (0, 0)
    xattrs: tuple[tuple[bytes, bytes], ...] = ()
    digest: bytes = b""
    file_id: int = 0

    def __new__(  # noqa: PLR0917 - every field
        cls,
        path: bytes,
        kind: Kind,
        mode: int = 0o644,
        uid: int = 0,
        gid: int = 0,
        mtime_ns: int = 0,
        size: int = 0,
        link: bytes = b"",
        device: tuple[int, int] = (0, 0),
        xattrs: tuple[tuple[bytes, bytes], ...] = (),
        digest: bytes = b"",
        file_id: int = 0,
    ) -> Self:
        """What the ``__init__`` of a frozen dataclass does, in a third of the time.

        That one sets each field by ``object.__setattr__``, and several entries are made for every
        file of a build.
        """
        made: Any = _Unfrozen(
            path, kind, mode, uid, gid, mtime_ns, size, link, device, xattrs, digest, file_id
        )
        made.__class__ = cls
        entry: Self = made
        return entry

    @property
    def mtime_s(self) -> int:
        """The time in whole seconds, as layers carry it."""
        return self.mtime_ns // NS_PER_S

    @property
    def name(self) -> bytes:
        """The last component."""
        return self.path.rpartition(b"/")[2]

    @property
    def parent(self) -> bytes:
        """The path of the directory above; the root is its own parent."""
        return self.path.rpartition(b"/")[0]

    def at(self, path: bytes) -> Entry:
        """The same thing under another name."""
        return replace(self, path=path)

    def hashed(self, path: bytes, digest: bytes) -> Entry:
        """What a FILE is at a path when its bytes are known; cheaper than ``replace``."""
        return Entry(
            path, self.kind, self.mode, self.uid, self.gid, self.mtime_ns, self.size,
            self.link, self.device, self.xattrs, digest, self.file_id,
        )  # fmt: skip


class Tree(Protocol):
    """A tree as a value: what is where, without the bytes."""

    def get(self, path: bytes) -> Entry | None:
        """The entry at exactly this path, links not followed; None where there is none."""

    def children(self, path: bytes) -> tuple[bytes, ...]:
        """Names in a directory, sorted bytewise; empty for all else."""


@dataclass(frozen=True, slots=True)
class FileContent:
    """Bytes that stand in a file of this machine, which is not a link.

    Attributes:
        path: In bytes where there are many: a Path takes longer to make than a file to open.
    """

    path: Path | bytes


@dataclass(frozen=True, slots=True)
class BytesContent:
    """Bytes in memory: heredocs and other small things."""

    data: bytes


Content = FileContent | BytesContent


@dataclass(frozen=True, slots=True)
class Item:
    """An entry to be packed or applied; a FILE has content, unless it is empty."""

    entry: Entry
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A name that a RUN may have changed, as a rootfs saw it afterwards.

    Attributes:
        entry: Without a digest; None where the name is gone.
        inode: Device and inode number, to find names of one file; (0, 0) where the name is gone.
        links: How many names the inode has.
    """

    path: bytes
    entry: Entry | None
    inode: tuple[int, int] = (0, 0)
    links: int = 1
