"""The build context as steps see it: its tree, its bytes, and digests of what a step copies."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from pybuild.digest import from_raw
from pybuild.errors import ContextError
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.index import TreeIndex

_PIECE = 1 << 20


@dataclass(slots=True)
class SourceFiles:
    """A tree and the directory of this machine that holds its bytes."""

    tree: TreeIndex
    directory: Path
    _prefix: bytes = field(init=False)

    def __post_init__(self) -> None:
        self._prefix = os.path.join(os.fsencode(self.directory), b"")  # noqa: PTH118 - bytes

    def place(self, relative: bytes) -> bytes:
        """Where an entry's bytes are; an entry's path never leaves the directory."""
        return self._prefix + relative

    def path(self, relative: bytes) -> Path:
        """The same as a Path."""
        return self.directory / os.fsdecode(relative)

    def digest(self, relative: bytes) -> bytes:
        """The raw sha256 of a file as it is now, opened without following a link."""
        return hash_file(self.place(relative))

    def digest_of(self, roots: tuple[tuple[bytes, bytes], ...]) -> bytes:
        """A digest of everything at and below roots, each a name and a path; see ``facts``."""
        listed = Listing(b"context 2")
        for name, path in roots:
            listed.add(name)
            top = self.tree.get(path)
            for entry in chain((top,) if top else (), self.tree.walk(path)):
                listed.add(self.facts(entry))
        return listed.digest()

    def facts(self, entry: Entry) -> bytes:
        """Name, type, mode, link target and bytes of an entry of the tree, for a key.

        Not its times, and not its owner, which becomes 0:0. A file's digest goes into the tree, so
        that it is computed once, and a file that changes before it is copied is noticed. So no
        other thread may use the tree meanwhile.
        """
        content = entry.digest
        if entry.kind is Kind.FILE and not content:
            content = self.digest(entry.path)
            self.tree.put(entry.hashed(entry.path, content))
        path, link = entry.path, entry.link
        kind = entry.kind.value.encode()
        # Lengths stand before what may hold anything, so that no two entries look the same.
        return b"%d:%b%b %o %d:%b%b" % (len(path), path, kind, entry.mode, len(link), link, content)


class Listing:
    """The digest of a list of byte strings, which is never held: it takes 300 bytes a file."""

    def __init__(self, name: bytes) -> None:
        self._digest = hashlib.sha256()
        self.add(name)

    def add(self, value: bytes) -> None:
        """Take in one more."""
        self._digest.update(b"%d:%b" % (len(value), value))

    def digest(self) -> bytes:
        """Of all that were added, in their order."""
        return from_raw(self._digest.digest()).encode()


def hash_file(path: bytes) -> bytes:
    """The raw sha256 of a regular file's bytes; links are not followed."""
    digest = hashlib.sha256()
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ContextError(f"cannot read {os.fsdecode(path)}: {error.strerror}") from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            shown = os.fsdecode(path)
            raise ContextError(f"cannot read {shown}: it is not a regular file any more")
        wanted = min(status.st_size + 1, _PIECE)
        while piece := os.read(fd, wanted):
            digest.update(piece)
            if len(piece) < wanted:
                break  # a file gives less than it is asked for at its end only
    except OSError as error:
        raise ContextError(f"cannot read {os.fsdecode(path)}: {error.strerror}") from error
    finally:
        os.close(fd)
    return digest.digest()
