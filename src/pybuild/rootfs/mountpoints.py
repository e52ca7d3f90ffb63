"""Places inside a tree where something is mounted for a RUN, and which must leave no trace."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pybuild.errors import HostUnsupported

_MOST_LINKS = 40  # path_resolution(7)


@dataclass(frozen=True, slots=True)
class Bind:
    """Something of this machine that appears in the tree.

    Attributes:
        source: A file or a directory, or ``proc``, ``sys`` or ``dev``.
        target: A path inside the tree; its links are followed inside the tree.
    """

    source: str
    target: str
    is_directory: bool = True


@contextmanager
def made(root: Path, binds: Sequence[Bind]) -> Iterator[list[list[str]]]:
    """Make the places that are missing; afterwards remove those, and restore their parents' times.

    The tree must be written to by nobody else: the paths are free of links only until then.

    Yields:
        Pairs of source and target as the starter wants them.

    Raises:
        HostUnsupported: Something else stands in the way of a place.
    """
    with contextlib.ExitStack() as stack:
        pairs = []
        for bind in binds:
            place = _resolve(root, bind.target)
            _make(root, place, is_directory=bind.is_directory, undo=stack)
            if place.is_dir() != bind.is_directory:
                raise HostUnsupported(
                    f"{bind.target} of the image is {'no' if bind.is_directory else 'a'} directory;"
                    f" {bind.source} cannot be mounted on it"
                )
            pairs.append([bind.source, str(place)])
        yield pairs


def _resolve(root: Path, path: str) -> Path:
    """Follow links as the kernel would with root as its root; what is missing ends no search."""
    todo = [part for part in path.split("/") if part]
    found: list[str] = []
    links = 0
    while todo:
        part = todo.pop(0)
        if part in {".", ".."}:
            found = found[:-1] if part == ".." else found
            continue
        here = root.joinpath(*found, part)
        if here.is_symlink():
            links += 1
            if links > _MOST_LINKS:
                raise HostUnsupported(f"{path} of the image is a loop of symbolic links")
            target = str(here.readlink())
            found = [] if target.startswith("/") else found
            todo = [piece for piece in target.split("/") if piece] + todo
        else:
            found.append(part)
    return root.joinpath(*found)


def _make(root: Path, place: Path, *, is_directory: bool, undo: contextlib.ExitStack) -> None:
    missing = [place]
    while not missing[-1].parent.exists() and missing[-1].parent != root:
        missing.append(missing[-1].parent)
    if place.exists():
        return
    for path in reversed(missing):
        times = _times(path.parent)
        if path == place and not is_directory:
            path.touch(mode=0o644)
        else:
            path.mkdir(mode=0o755)
        os.utime(path.parent, ns=times)
        undo.callback(_unmake, path)


def _unmake(path: Path) -> None:
    """Remove what we made, unless the RUN put something into it: then it is the tree's."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        status = path.lstat()
        times = _times(path.parent)
        if stat.S_ISDIR(status.st_mode):
            with contextlib.suppress(OSError):
                path.rmdir()
        elif stat.S_ISREG(status.st_mode) and not status.st_size:
            path.unlink()
        os.utime(path.parent, ns=times)


def _times(directory: Path) -> tuple[int, int]:
    status = directory.lstat()
    return status.st_atime_ns, status.st_mtime_ns
