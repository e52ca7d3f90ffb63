"""The tree on disk that a layer goes onto, and how names in it make way for others."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from pybuild.archive.disk import disk_errors
from pybuild.layers.beneath import Beneath
from pybuild.layers.pending import PendingDirectories
from pybuild.layers.removal import Keep, names, remove_directory, remove_except
from pybuild.tree.walk import join


class Site:
    """A tree with its open directories; a context manager that owns every descriptor.

    A name is given by the descriptor of its directory, and by its canonical path, whose last
    component it is.

    Attributes:
        directories: Opens directories.
        pending: What directories will be when all is applied.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.directories = Beneath(root)
        self.pending = PendingDirectories()

    def __enter__(self) -> Self:
        with disk_errors(f"cannot open the tree {self._root}"):
            self.directories.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.directories.__exit__(kind, error, trace)

    def make(self, directory_fd: int, path: bytes, make: Callable[[], object]) -> None:
        """Make a new name; what has it must go."""
        try:
            make()
        except FileExistsError:
            self.remove(directory_fd, path)
            make()

    def remove(self, directory_fd: int, path: bytes) -> None:
        """Remove a name and all below it.

        Raises:
            FileNotFoundError: There is no such name.
        """
        name = name_of(path)
        try:
            os.unlink(name, dir_fd=directory_fd)
        except IsADirectoryError:
            self.directories.forget_below(path)
            self.pending.forget_below(path, keep=lambda _path: False)
            remove_directory(directory_fd, name)

    def vanish(self, directory_fd: int, path: bytes) -> None:
        """Remove a name that need not be there."""
        with suppress(FileNotFoundError):
            self.remove(directory_fd, path)

    def hide(self, directory_fd: int, path: bytes, keep: Keep) -> None:
        """Remove a name and all below it but what must stay."""
        if keep(path):
            self.directories.forget_below(path)
            self.pending.forget_below(path, keep=keep)
            remove_except(directory_fd, name_of(path), path, keep)
        else:
            self.vanish(directory_fd, path)

    def hide_all(self, directory_fd: int, path: bytes, keep: Keep) -> None:
        """Remove everything in a directory but what must stay."""
        for name in names(directory_fd):
            self.hide(directory_fd, join(path, name), keep)

    def finish(self) -> None:
        """Make directories what they will be."""
        with disk_errors(f"cannot set the times of directories in {self._root}"):
            self.pending.finish(self._open_one)

    def _open_one(self, path: bytes) -> int:
        self.directories.trim()
        return self.directories.open(path)


def name_of(path: bytes) -> bytes:
    """The last component."""
    return path.rpartition(b"/")[2]
