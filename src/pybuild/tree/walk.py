"""Everything below a directory of any tree, in the order of layers."""

from __future__ import annotations

from collections.abc import Iterator

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

    That order is not depth first: ``a``, ``a-b``, ``a/x``. The entries are listed when the first
    one is asked for, so a tree may be changed while it is walked.
    """
    found: list[Entry] = []
    pending = [path]
    while pending:
        directory = pending.pop()
        for name in tree.children(directory):
            entry = tree.get(join(directory, name))
            if entry is None:
                continue
            found.append(entry)
            if entry.kind is Kind.DIRECTORY:
                pending.append(entry.path)

    found.sort(key=_path)
    yield from found


def _path(entry: Entry) -> bytes:
    return entry.path
