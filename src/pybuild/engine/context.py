"""The build context as steps see it: its tree, its bytes, and digests of what a step copies."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from pybuild.digest import from_raw
from pybuild.errors import ContextError
from pybuild.graph.encoding import Value, encode
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.index import TreeIndex

_PIECE = 1 << 20


@dataclass(slots=True)
class SourceFiles:
    """A tree and the directory of this machine that holds its bytes."""

    tree: TreeIndex
    directory: Path

    def path(self, relative: bytes) -> Path:
        """Where an entry's bytes are."""
        return self.directory / os.fsdecode(relative)

    def digest(self, relative: bytes) -> bytes:
        """The raw sha256 of a file as it is now, opened without following a link."""
        return hash_file(self.path(relative))

    def digest_of(self, roots: tuple[tuple[bytes, bytes], ...]) -> bytes:
        """A digest of everything at and below roots, each a name and a path; see ``facts``."""
        listed = Listing("context 2")
        for name, path in roots:
            listed.add(name)
            top = self.tree.get(path)
            for entry in chain((top,) if top else (), self.tree.walk(path)):
                listed.add(self.facts(entry))
        return listed.digest()

    def facts(self, entry: Entry) -> Value:
        """Name, type, mode, link target and bytes of an entry of the tree, for a key.

        Not its times, and not its owner, which becomes 0:0. A file's digest goes into the tree, so
        that it is computed once, and a file that changes before it is copied is noticed. So no
        other thread may use the tree meanwhile.
        """
        content = entry.digest
        if entry.kind is Kind.FILE and not content:
            content = self.digest(entry.path)
            self.tree.put(replace(entry, digest=content))
        return entry.path, entry.kind.value, entry.mode, entry.link, content


class Listing:
    """The digest of a list of values, which is never held: it would take 300 bytes a file."""

    def __init__(self, name: str) -> None:
        self._digest = hashlib.sha256(encode(name))

    def add(self, value: Value) -> None:
        """Take in one more value."""
        self._digest.update(encode(value))

    def digest(self) -> bytes:
        """Of all that were added, in their order."""
        return from_raw(self._digest.digest()).encode()


def hash_file(path: Path) -> bytes:
    """The raw sha256 of a regular file's bytes; links are not followed."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ContextError(f"cannot read {path}: {error.strerror}") from None
    with os.fdopen(fd, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ContextError(f"cannot read {path}: it is not a regular file any more")
        digest = hashlib.sha256()
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.digest()
