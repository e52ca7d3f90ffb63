"""What of a directory belongs to the context: the walk that ``.dockerignore`` rules."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from pybuild.context.inside import read_text, resolve_below
from pybuild.errors import ContextError
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.index import TreeIndex
from pybuild.tree.walk import join

_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFCHR: Kind.CHARACTER_DEVICE,
    stat.S_IFBLK: Kind.BLOCK_DEVICE,
}  # a socket is passed over: no layer can hold one
_DEVICES = {Kind.CHARACTER_DEVICE, Kind.BLOCK_DEVICE}


class Patterns(Protocol):
    """Which paths are left out."""

    def excludes(self, path: bytes) -> bool:
        """Whether the path, or a directory above it, is left out."""

    def may_reinclude_below(self, path: bytes) -> bool:
        """Whether something below this directory, which is left out, may be taken back in."""


def ignore_text(directory: Path, dockerfile: Path) -> str | None:
    """The text of the ignore file that counts; None where there is none.

    ``<Dockerfile>.dockerignore`` beside the Dockerfile beats ``.dockerignore`` in the context.

    Args:
        directory: The context, absolute and resolved.
        dockerfile: Where the Dockerfile stands.

    Raises:
        ContextError: It leads out of the context, or is not UTF-8.
    """
    beside = dockerfile.with_name(dockerfile.name + ".dockerignore")
    for place in (beside, directory / ".dockerignore"):
        is_inside = place.is_relative_to(directory)
        # A Dockerfile outside the context is the user's own, and so is what lies beside it.
        found = resolve_below(directory, place) if is_inside else place.resolve()
        if found is not None and found.exists():
            return read_text(found, str(place.relative_to(directory) if is_inside else place))
    return None


def scan(directory: Path, patterns: Patterns) -> TreeIndex:
    """The tree of the context without what patterns leave out; links are not followed.

    A directory that is left out is in the tree where something below it is taken back in.
    Owners are as on disk; extended attributes and digests are not recorded.

    Raises:
        ContextError: A directory cannot be read.
    """
    index = TreeIndex()
    root = os.fsencode(directory)
    file_ids = _FileIds()
    index.put(_entry(b"", os.lstat(root), root, file_ids))
    # A directory, and the ones above it (or itself) that are left out so far.
    pending: list[tuple[bytes, tuple[Entry, ...]]] = [(b"", ())]
    while pending:
        path, waiting = pending.pop()
        for entry in _children(root, path, file_ids):
            is_excluded = patterns.excludes(entry.path)
            if not is_excluded:
                for above in waiting:
                    index.put(above)
                index.put(entry)
            if entry.kind is Kind.DIRECTORY:
                if not is_excluded:
                    pending.append((entry.path, ()))
                elif patterns.may_reinclude_below(entry.path):
                    pending.append((entry.path, (*waiting, entry)))
    return index


class _FileIds:
    """Numbers for files that may have more than one name."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, int], int] = {}

    def of(self, status: os.stat_result) -> int:
        """The number of a file; an inode number alone would be one of its filesystem only."""
        if status.st_nlink == 1 or stat.S_ISDIR(status.st_mode):
            return 0
        inode = (status.st_dev, status.st_ino)
        return self._numbers.setdefault(inode, len(self._numbers) + 1)


def _children(root: bytes, path: bytes, file_ids: _FileIds) -> Iterator[Entry]:
    try:
        with os.scandir(join(root, path) if path else root) as found:
            for child in sorted(found, key=_name):  # a tree takes names fastest in their order
                status = child.stat(follow_symlinks=False)
                if stat.S_IFMT(status.st_mode) in _KINDS:
                    yield _entry(join(path, child.name), status, child.path, file_ids)
    except OSError as error:
        shown = os.fsdecode(path) or "its root"
        raise ContextError(f"cannot read {shown} of the context: {error.strerror}") from error


def _name(child: os.DirEntry[bytes]) -> bytes:
    return child.name


def _entry(path: bytes, status: os.stat_result, place: bytes, file_ids: _FileIds) -> Entry:
    kind = _KINDS[stat.S_IFMT(status.st_mode)]
    device = (os.major(status.st_rdev), os.minor(status.st_rdev)) if kind in _DEVICES else (0, 0)
    return Entry(
        path=path,
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        mtime_ns=status.st_mtime_ns,
        size=status.st_size if kind is Kind.FILE else 0,
        link=os.readlink(place) if kind is Kind.SYMLINK else b"",  # noqa: PTH115 - bytes
        device=device,
        file_id=file_ids.of(status),
    )
