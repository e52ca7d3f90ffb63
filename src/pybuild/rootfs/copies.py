# ruff: noqa: PTH118, PTH120, PTH108 - paths in images are bytes, which pathlib does not take
"""Private copies of what RUNs see of this machine: made once, afterwards only mended.

A RUN in place can write to whatever it sees, whoever owns it. So it never sees a source, but a copy
of it, and change times tell afterwards what has to be copied again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable

from pybuild.rootfs import linked_names, snapshot
from pybuild.rootfs.duplicate import Warn, adopt, duplicate, remove


class Copy:
    """A copy of a file or a directory, which is lent to one RUN after the other.

    Args:
        source: What is copied; absolute, without links.
        home: Where the copy lies while no RUN has it.
        warn: Told of what cannot be copied.
    """

    def __init__(self, source: bytes, home: bytes, warn: Warn) -> None:
        self.source = source
        self.home = home
        self._warn = warn
        self._source_seen: snapshot.Snapshot = {}
        self._seen: snapshot.Snapshot = {}

    def refresh(self) -> None:
        """Make the copy be like its source, at home; costs a walk of both where nothing changed."""
        now = _look(self.source, self._source_seen)
        if _kind(self.source) != _kind(self.home):
            remove(self.home)
            duplicate(self.source, self.home, self._warn)
        else:
            wrong = {
                *snapshot.changed(self._source_seen, now),
                *snapshot.changed(self._seen, _look(self.home, self._seen)),
            }
            mend(self.source, self.home, wrong, self._warn)
        self._source_seen = now
        self._seen = _look(self.home)

    def settle(self, *, untouched: bool, kept: bool = False) -> list[bytes]:
        """Take note of the copy being home again, after a RUN.

        Files that the RUN linked into its tree are no longer the copy's afterwards.

        Args:
            untouched: Whether the topmost inode is as it was when the RUN began: its own way into
                the tree and back has moved its change time.
            kept: Whether what the RUN wrote is to be written back.

        Returns:
            What the RUN changed, relative to the copy; ``b""`` for all of it.
        """
        if _kind(self.home) != _kind(self.source):
            remove(self.home)
            return [b""]
        if kept and _kind(self.home) == stat.S_IFDIR:
            linked_names.part(self.home, self._warn)
        now = _look(self.home, self._seen)
        if untouched:
            self._seen = snapshot.with_root(self._seen, now[b""].by_name()[b""])
        paths = sorted(snapshot.changed(self._seen, now))
        if not kept:
            _part(self.home, paths)
        return paths

    def write_back(self, paths: Collection[bytes]) -> None:
        """Make the source be like the copy at these paths."""
        if _kind(self.home) != _kind(self.source) == stat.S_IFDIR:
            for name in os.listdir(self.source):  # noqa: PTH208 - bytes
                remove(os.path.join(self.source, name))
        else:
            mend(self.home, self.source, paths, self._warn)


def mend(source: bytes, target: bytes, paths: Iterable[bytes], warn: Warn) -> None:
    """Make target be like source at some relative paths; files there are replaced, not written."""
    whole: set[bytes] = set()
    attributes: set[bytes] = set()
    for path in sorted(paths):
        if not whole.isdisjoint(_above(path)):
            continue
        here, there = _join(source, path), _join(target, path)
        kinds = _kind(here), _kind(there)
        if path:
            attributes.add(path.rpartition(b"/")[0])
        if kinds == (stat.S_IFDIR, stat.S_IFDIR):
            attributes.add(path)
            continue
        whole.add(path)
        remove(there)
        if kinds[0] is not None and _kind(os.path.dirname(there)) == stat.S_IFDIR:
            duplicate(here, there, warn)

    for path in sorted(attributes, reverse=True):
        here, there = _join(source, path), _join(target, path)
        if _kind(here) == _kind(there) == stat.S_IFDIR:
            adopt(here, there)


def _look(root: bytes, known: snapshot.Snapshot | None = None) -> snapshot.Snapshot:
    status = os.lstat(root)
    if stat.S_ISDIR(status.st_mode):
        return snapshot.take(root, known=known)
    return {b"": snapshot.Keys.of({b"": (status.st_ctime_ns, status.st_ino)})}


def _part(home: bytes, paths: Iterable[bytes]) -> None:
    """Let go of changed files with more than one name: one of them may be the tree's."""
    for path in paths:
        place = _join(home, path)
        kind = _kind(place)
        if kind not in {None, stat.S_IFDIR} and os.lstat(place).st_nlink > 1:
            os.unlink(place)


def _kind(path: bytes) -> int | None:
    try:
        return stat.S_IFMT(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _join(root: bytes, path: bytes) -> bytes:
    return os.path.join(root, path) if path else root


def _above(path: bytes) -> list[bytes]:
    """The paths above, the root's own too."""
    found = [b""] if path else []
    while path := path.rpartition(b"/")[0]:
        found.append(path)
    return found
