"""Follows symbolic links inside a tree, never out of it."""

from __future__ import annotations

from pybuild.imagepath import ImagePath
from pybuild.tree.entry import Kind, Tree
from pybuild.tree.walk import join

MAX_LINKS = 40
"""MAXSYMLINKS of the kernel's include/linux/namei.h."""


class LinkLoop(ValueError):  # noqa: N818 - says what was found, like the errors of the project
    """A path leads through more links than the kernel would follow."""

    def __init__(self, path: ImagePath) -> None:
        super().__init__(f"{path}: too many levels of symbolic links")
        self.path = path


def resolve(tree: Tree, path: ImagePath, *, follow_last: bool = True) -> ImagePath:
    """Where a path leads with the tree's root as the root of every link.

    As with ``openat2(RESOLVE_IN_ROOT)``, absolute targets start at the tree's root and ``..``
    never leaves it. Components that are not there are kept as they are.

    Args:
        tree: Where links are looked up.
        path: What to resolve.
        follow_last: Whether a link in the last place is followed too.

    Returns:
        A path without links, but for an unfollowed last one.

    Raises:
        LinkLoop: More than 40 links.
    """
    done = b""
    pending = path.relative.split(b"/")[::-1]
    followed = 0

    while pending:
        part = pending.pop()
        if part in {b"", b"."}:
            continue
        if part == b"..":
            done = done.rpartition(b"/")[0]
            continue

        here = join(done, part)
        target = _target(tree, here) if pending or follow_last else b""
        if not target:
            done = here
            continue

        followed += 1
        if followed > MAX_LINKS:
            raise LinkLoop(path)
        if target.startswith(b"/"):
            done = b""
        pending.extend(target.split(b"/")[::-1])

    return ImagePath(done)


def _target(tree: Tree, path: bytes) -> bytes:
    entry = tree.get(path)
    return entry.link if entry is not None and entry.kind is Kind.SYMLINK else b""
