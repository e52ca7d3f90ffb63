"""WORKDIR: the directories that have to be made for it."""

from __future__ import annotations

from pybuild.imagepath import ImagePath
from pybuild.placement.draft import Draft
from pybuild.tree.entry import Entry, Kind, Tree

NEW_DIRECTORY_MODE = 0o755
"""BuildKit's mode for WORKDIR and for parents of a COPY, whatever the umask."""


def make_directory(
    path: ImagePath,
    destination: Tree,
    owner: tuple[int, int],
    now_ns: int,
    limit_ns: int | None = None,
) -> tuple[Entry, ...]:
    """The entries of a directory and of its parents, as far as they are missing.

    Links in the path are followed inside the tree; what is there keeps its mode and owner.

    Args:
        path: The directory.
        destination: The tree it must be in.
        owner: Uid and gid of what is made.
        now_ns: The time of what is made.
        limit_ns: A later time becomes this one (SOURCE_DATE_EPOCH).

    Returns:
        Parents first; empty where the directory is there.

    Raises:
        PlacementError: Something on the way is no directory, or links lead in a circle.
    """
    uid, gid = owner
    mtime_ns = now_ns if limit_ns is None else min(now_ns, limit_ns)
    new = Entry(b"", Kind.DIRECTORY, NEW_DIRECTORY_MODE, uid, gid, mtime_ns)

    draft = Draft(destination)
    draft.make_directories(draft.resolve(path), new)
    return tuple(one.entry for one in draft.placed())
