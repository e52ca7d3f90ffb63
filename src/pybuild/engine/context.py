"""The build context as steps see it: its tree, its bytes, and digests of what a step copies."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from pybuild.errors import ContextError
from pybuild.graph.encoding import Value, key_of
from pybuild.tree.entry import Kind, Tree

_PIECE = 1 << 20


@dataclass(slots=True)
class SourceFiles:
    """A tree and the directory of this machine that holds its bytes.

    Digests of files are computed once.
    """

    tree: Tree
    directory: Path
    _digests: dict[bytes, bytes] = field(default_factory=dict)

    def path(self, relative: bytes) -> Path:
        """Where an entry's bytes are."""
        return self.directory / os.fsdecode(relative)

    def digest(self, relative: bytes) -> bytes:
        """The raw sha256 of a file, opened without following a link."""
        found = self._digests.get(relative)
        if found is None:
            found = self._digests[relative] = hash_file(self.path(relative))
        return found

    def digest_of(self, roots: tuple[tuple[bytes, bytes], ...]) -> bytes:
        """A digest of everything at and below roots, each a name and a path.

        It holds names, types, modes, link targets and bytes; not times, and not owners, which
        become 0:0.
        """
        listed: list[Value] = []
        for name, path in roots:
            listed.append(name)
            self._list(path, listed)
        return key_of("context 1", listed).encode()

    def _list(self, path: bytes, listed: list[Value]) -> None:
        entry = self.tree.get(path)
        if entry is None:
            return
        content = self.digest(path) if entry.kind is Kind.FILE else b""
        listed.append((path, entry.kind.value, entry.mode, entry.link, content))
        if entry.kind is Kind.DIRECTORY:
            for name in self.tree.children(path):
                self._list(path + b"/" + name if path else name, listed)


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
