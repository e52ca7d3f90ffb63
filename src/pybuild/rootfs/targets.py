# ruff: noqa: PTH112, PTH102, PTH104, PTH106, PTH118, PTH119, PTH120, PTH101 - paths in images are bytes, which pathlib does not take
"""A place in a parked tree that shows something else for a while, and then is as it was."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pybuild.errors import HostUnsupported
from pybuild.rootfs import inside
from pybuild.rootfs.duplicate import remove


@dataclass(slots=True)
class Target:
    """Something that lies in a tree for a while.

    Attributes:
        path: Where, relative to the tree.
        aside: Where what the tree itself has at the path lies meanwhile; empty where that is
            nothing.
        strays: Names elsewhere in the tree under which the thing was found afterwards.
    """

    path: bytes
    aside: bytes = b""
    strays: tuple[bytes, ...] = ()


@contextmanager
def shown(tree: bytes, path: bytes, thing: bytes, aside: bytes) -> Iterator[Target]:
    """Rename a thing into a tree, and afterwards back, wherever in the tree it then is.

    Missing directories above are made, and removed again where they are empty; the times of those
    above are as before. What has come to lie at the path when the block ends is part of the thing.

    Args:
        tree: A parked tree.
        path: Relative to it, without links; not the root.
        thing: A file or a directory on the tree's filesystem.
        aside: A name on it that is free, for what the tree has at the path.

    Raises:
        HostUnsupported: The tree has something in the way.
    """
    place = os.path.join(tree, path)
    target = Target(path)
    with ExitStack() as undo:
        _make_above(tree, path, undo)
        if os.path.lexists(place):
            _must_match(place, thing, path)
            with times_kept(os.path.dirname(place)):
                os.rename(place, aside)
            target.aside = aside
            undo.callback(_put_back, tree, target)
        # Held, so that its number is nobody else's when the RUN has deleted it.
        held = os.open(thing, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        undo.callback(os.close, held)
        status = os.fstat(held)
        with times_kept(os.path.dirname(place)):
            os.rename(thing, place)
        try:
            yield target
        finally:
            _take_out(tree, target, thing, (status.st_dev, status.st_ino))


@contextmanager
def times_kept(directory: bytes) -> Iterator[None]:
    """Restore a directory's times after the block."""
    status = os.lstat(directory)
    yield
    os.utime(directory, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)


def _make_above(tree: bytes, path: bytes, undo: ExitStack) -> None:
    for directory in reversed([*inside.above(path)]):
        place = os.path.join(tree, directory)
        if not os.path.lexists(place):
            with times_kept(os.path.dirname(place)):
                os.mkdir(place, 0o755)
                os.chmod(place, 0o755)  # noqa: S103 - as runtimes make it, whatever our umask
            undo.callback(_unmake, tree, directory)
        elif not stat.S_ISDIR(os.lstat(place).st_mode):
            raise HostUnsupported(
                f"/{os.fsdecode(directory)} of the image is not a directory;"
                f" nothing can be mounted at /{os.fsdecode(path)}"
            )


def _must_match(place: bytes, thing: bytes, path: bytes) -> None:
    kinds = [stat.S_ISDIR(os.lstat(one).st_mode) for one in (place, thing)]
    if kinds[0] != kinds[1]:
        here, there = ("a directory", "none") if kinds[0] else ("no directory", "one")
        raise HostUnsupported(
            f"/{os.fsdecode(path)} of the image is {here}, and what is mounted there is {there}",
            hint="choose another target",
        )


def _take_out(tree: bytes, target: Target, thing: bytes, inode: inside.Inode) -> None:
    """Bring the thing back; a RUN may have renamed, linked, removed or replaced it."""
    if not os.path.isdir(tree):
        return
    place = os.path.join(tree, target.path)
    found = inside.inode_of(place) if inside.is_plain(tree, target.path) else None
    if found == inode and not _has_more_names(place):
        _rename_out(place, thing)
        return

    names = inside.names_of(tree, inode)
    if found is None and names and os.path.basename(names[0]) == os.path.basename(target.path):
        target.path = names[0]  # a directory above was renamed: what was set aside follows
    target.strays = tuple(name for name in names if name != target.path)
    if found is not None and found != inode:
        names.append(target.path)
    if not names:
        return
    first = target.path if found == inode else names[0]
    _rename_out(os.path.join(tree, first), thing)
    for name in names:
        if name != first:
            _remove(os.path.join(tree, name))


def _has_more_names(place: bytes) -> bool:
    status = os.lstat(place)
    return not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1


def _rename_out(place: bytes, thing: bytes) -> None:
    with times_kept(os.path.dirname(place)):
        os.rename(place, thing)


def _remove(place: bytes) -> None:
    with times_kept(os.path.dirname(place)):
        remove(place)


def _put_back(tree: bytes, target: Target) -> None:
    """Where the directory above is gone, the RUN has removed what was in it too."""
    place = os.path.join(tree, target.path)
    parent = os.path.dirname(place)
    if inside.is_plain(tree, target.path) and not os.path.lexists(place) and os.path.isdir(parent):
        with times_kept(parent):
            os.rename(target.aside, place)


def _unmake(tree: bytes, path: bytes) -> None:
    """Remove a directory that we made, unless the RUN put something into it."""
    place = os.path.join(tree, path)
    if not inside.is_plain(tree, path):
        return
    with contextlib.suppress(OSError), times_kept(os.path.dirname(place)):
        os.rmdir(place)
