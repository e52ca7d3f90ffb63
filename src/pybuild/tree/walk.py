"""Everything below a directory of any tree, in the order of layers."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

from pybuild.tree.entry import Entry, Kind, Tree


def join(directory: bytes, name: bytes) -> bytes:
    """The path of a name in a directory; the root is ``b""``."""
    return directory + b"/" + name if directory else name


def ancestors(path: bytes) -> Iterator[bytes]:
    """The directories above a path, nearest first, without the root."""
    parent = path.rpartition(b"/")[0]
    while parent:
        yield parent
        parent = parent.rpartition(b"/")[0]


def walk(tree: Tree, path: bytes = b"") -> Iterator[Entry]:
    """Entries below a path, itself left out, in bytewise order of their paths.

    That order is not depth first: ``a``, ``a-b``, ``a/x``. Names of a directory are listed when
    the walk comes to it, and entries are taken when it is their turn, so a tree may be changed
    while it is walked.
    """
    levels = [_Level(path, tree)]
    while levels:
        level = levels[-1]
        if level.waiting and (not level.names or level.waiting[0] < level.names[-1]):
            below = join(level.directory, heappop(level.waiting)[:-1])
            levels.append(_Level(below, tree))
        elif level.names:
            name = level.names.pop()
            entry = tree.get(join(level.directory, name))
            if entry is not None:
                yield entry
            if entry is None or entry.kind is Kind.DIRECTORY:
                heappush(level.waiting, name + b"/")
        else:
            levels.pop()


class _Level:
    """A directory on the way of a walk: names to come, the next last, and directories to enter."""

    __slots__ = ("directory", "names", "waiting")

    def __init__(self, directory: bytes, tree: Tree) -> None:
        self.directory = directory
        self.names = list(reversed(tree.children(directory)))
        self.waiting: list[bytes] = []
