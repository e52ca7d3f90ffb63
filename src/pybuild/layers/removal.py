"""Remove names from a tree, never through a link."""

from __future__ import annotations

import os
from collections.abc import Callable

from pybuild.layers.beneath import NO_FOLLOW

Keep = Callable[[bytes], bool]
"""Whether something at or below this path must stay."""


def remove(directory_fd: int, name: bytes) -> None:
    """Remove a name and all below it.

    Raises:
        FileNotFoundError: There is no such name.
    """
    try:
        os.unlink(name, dir_fd=directory_fd)
    except IsADirectoryError:
        remove_directory(directory_fd, name)


def remove_directory(directory_fd: int, name: bytes) -> None:
    """Remove a directory and all below it."""
    fd = os.open(name, NO_FOLLOW, dir_fd=directory_fd)
    try:
        for child in names(fd):
            remove(fd, child)
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=directory_fd)


def remove_except(directory_fd: int, name: bytes, path: bytes, keep: Keep) -> None:
    """Remove a name and all below it but what must stay; path is the name's."""
    if not keep(path):
        remove(directory_fd, name)
        return
    try:
        fd = os.open(name, NO_FOLLOW, dir_fd=directory_fd)
    except NotADirectoryError:
        return
    try:
        for child in names(fd):
            remove_except(fd, child, path + b"/" + child, keep)
    finally:
        os.close(fd)


def names(directory_fd: int) -> list[bytes]:
    """The names in a directory."""
    return [os.fsencode(name) for name in os.listdir(directory_fd)]
