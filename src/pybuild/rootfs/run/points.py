"""Find or make the place in a tree where something is to be mounted.

The walk goes from one open directory to the next and follows links itself, as the kernel would
with the tree as its root. So neither an image's links nor another RUN that changes a shared cache
meanwhile leads out of the tree.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_MOST_LINKS = 40  # path_resolution(7)
_PATH_ONLY = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY_MODE, _FILE_MODE = 0o755, 0o644


class Points:
    """Places in one tree.

    Args:
        root: The tree's root; what is mounted below it counts.
        on_made: Told of each path that had to be made in the tree itself, not in a mount.
    """

    def __init__(self, root: str, on_made: Callable[[str], None]) -> None:
        self._root = os.open(root, _PATH_ONLY | os.O_DIRECTORY)
        self._device = os.fstat(self._root).st_dev
        self._closed: set[int] = set()
        self._on_made = on_made

    @contextmanager
    def found(self, target: str, *, is_directory: bool) -> Iterator[str]:
        """A place, made where it is missing, by a name (``/proc/self/fd/N``) for the block.

        Raises:
            OSError: Something else is in the way; ``filename`` says where.
        """
        walk = _Walk(os.dup(self._root), target)
        try:
            while walk.todo:
                self._step(walk, is_directory=is_directory)
            if not walk.names:
                raise OSError(errno.EBUSY, "nothing can be mounted over the root", target)
            yield path_of(walk.opened[-1])
        finally:
            walk.close()

    def close(self, device: int) -> None:
        """Let no later place lie in a filesystem such as that of ``/proc``.

        Links there lead to what no path names, and nothing can be made there.
        """
        self._closed.add(device)

    def _step(self, walk: _Walk, *, is_directory: bool) -> None:
        name = walk.todo.pop(0)
        if name == "..":
            walk.back()
            return
        is_directory = is_directory or bool(walk.todo)
        path = "/" + "/".join([*walk.names, name])
        try:
            inode = self._open(walk.opened[-1], name, path, is_directory)
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from None
        status = os.fstat(inode)
        if stat.S_ISLNK(status.st_mode):
            walk.follow(inode)
            return
        walk.enter(inode, name)
        if stat.S_ISDIR(status.st_mode) != is_directory:
            number = errno.ENOTDIR if is_directory else errno.EISDIR
            raise OSError(number, os.strerror(number), path)
        if status.st_dev in self._closed:
            raise OSError(errno.EPERM, "nothing can be mounted there", path)

    def _open(self, parent: int, name: str, path: str, is_directory: bool) -> int:
        try:
            return os.open(name, _PATH_ONLY, dir_fd=parent)
        except FileNotFoundError:
            times = os.fstat(parent)
        with contextlib.suppress(FileExistsError):  # another RUN was faster, in a shared cache
            _make(parent, name, is_directory)
            os.utime(path_of(parent), ns=(times.st_atime_ns, times.st_mtime_ns))
            if times.st_dev == self._device:
                self._on_made(path)
        return os.open(name, _PATH_ONLY, dir_fd=parent)


class _Walk:
    """Directories open from the root down to where a walk is, and what is still to go."""

    def __init__(self, root: int, path: str) -> None:
        self.opened = [root]
        self.names: list[str] = []
        self.todo = _parts(path)
        self._path = path
        self._links = 0

    def enter(self, inode: int, name: str) -> None:
        self.opened.append(inode)
        self.names.append(name)

    def back(self) -> None:
        if self.names:
            os.close(self.opened.pop())
            self.names.pop()

    def follow(self, link: int) -> None:
        text = os.readlink("", dir_fd=link)
        os.close(link)
        self._links += 1
        if self._links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self._path)
        while text.startswith("/") and self.names:
            self.back()
        self.todo = _parts(text) + self.todo

    def close(self) -> None:
        for descriptor in self.opened:
            os.close(descriptor)


def path_of(descriptor: int) -> str:
    """A name of what a descriptor is of, for calls that take none; good for O_PATH too."""
    return f"/proc/self/fd/{descriptor}"


def _make(parent: int, name: str, is_directory: bool) -> None:
    if is_directory:
        os.mkdir(name, _DIRECTORY_MODE, dir_fd=parent)
    else:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        os.close(os.open(name, flags, _FILE_MODE, dir_fd=parent))


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in {"", "."}]
