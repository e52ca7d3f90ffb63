"""Did you mean: a name of a tree that is almost the one that is not there."""

from __future__ import annotations

import difflib

from pybuild.imagepath import ImagePath
from pybuild.tree.entry import Tree
from pybuild.tree.links import LinkLoop, resolve
from pybuild.tree.walk import join

_ALIKE = 0.6
_LARGEST_DIRECTORY = 5000  # names; comparing more takes too long for a hint


def nearest(tree: Tree, path: ImagePath) -> str:
    """The path with its first missing component replaced by the most similar name that is there.

    Returns:
        As ``/x``; empty where nothing is similar, or where the rest of the path is not there.
    """
    parts = path.relative.split(b"/")
    for at, part in enumerate(parts):
        above = b"/".join(parts[:at])
        directory = _real(tree, above)
        if _real(tree, join(above, part)) is not None:
            continue
        names = tree.children(directory) if directory is not None else ()
        if not names or len(names) > _LARGEST_DIRECTORY:
            return ""
        for name in _similar(part, names):
            found = b"/".join([*parts[:at], name, *parts[at + 1 :]])
            if _real(tree, found) is not None:
                return str(ImagePath(found))
        return ""
    return ""


def _similar(part: bytes, names: tuple[bytes, ...]) -> list[bytes]:
    texts = {name.decode(errors="surrogateescape"): name for name in names}
    folded = {text.lower(): name for text, name in texts.items()}
    wanted = part.decode(errors="surrogateescape").lower()
    return [folded[one] for one in difflib.get_close_matches(wanted, folded, 3, _ALIKE)]


def _real(tree: Tree, path: bytes) -> bytes | None:
    """Where a path leads, or None where nothing is there."""
    try:
        found = resolve(tree, ImagePath(path)).relative
    except LinkLoop:
        return None
    return found if tree.get(found) is not None else None
