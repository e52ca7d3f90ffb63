"""Directories below a root, reached without ever leaving it."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from pybuild.errors import IntegrityError

NO_FOLLOW = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""How a directory is opened by its name in another one."""

_OPENAT2 = 437  # include/uapi/asm-generic/unistd.h: one number on every architecture, Linux 5.6
# struct open_how of include/uapi/linux/openat2.h: flags, mode, resolve
_RESOLVE_NO_SYMLINKS, _RESOLVE_IN_ROOT = 0x04, 0x10
_HOW = struct.pack("=QQQ", NO_FOLLOW, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_SYMLINKS)
_MAX_LINKS = 40  # MAXSYMLINKS of include/linux/namei.h
_MAX_DEPTH = 256  # deeper paths would need more descriptors than a process commonly has
_CACHED = 96  # several stages unpack at once, and 1024 descriptors are common for all of us


class Beneath:
    """Opens directories of a tree by path; a context manager that owns their descriptors.

    A path is first made *canonical*: links in it are followed as if the root were ``/``. The
    canonical path is then opened with links refused, so that what happens to the tree meanwhile
    cannot lead outside. Descriptors are cached until ``trim`` or ``forget_below``.
    """

    def __init__(self, root: Path) -> None:
        self._stack = ExitStack()
        self._fds: dict[bytes, int] = {}
        self._root = root
        self._has_openat2 = True

    def __enter__(self) -> Self:
        self._fds[b""] = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._stack.callback(self._close)
        self._has_openat2 = _openat2_works(self._fds[b""])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def find(self, path: bytes) -> tuple[bytes, int]:
        """The canonical path of a directory, and its descriptor, which stays this object's.

        Raises:
            FileNotFoundError: There is none.
            NotADirectoryError: Something else is in the way.
        """
        fd = self._fds.get(path)
        if fd is not None:
            return path, fd
        try:
            return path, self.open(path)
        except OSError as error:
            if not is_not_directory(error):
                raise
        canonical = self.canonical(path)
        return canonical, self.open(canonical)

    def open(self, path: bytes) -> int:
        """The descriptor of a directory by its canonical path; a link in it is an error."""
        fd = self._fds.get(path)
        if fd is not None:
            return fd
        if path.count(b"/") >= _MAX_DEPTH:
            raise IntegrityError(f"{path[:80]!r}… is deeper than {_MAX_DEPTH} directories")
        fd = _openat2(self._fds[b""], path) if self._has_openat2 else self._walk(path)
        self._fds[path] = fd
        return fd

    def canonical(self, path: bytes) -> bytes:
        """Follow every link in a path of directories; what does not exist stays as it is."""
        done: list[bytes] = []
        todo = path.split(b"/")[::-1]
        links = 0
        while todo:
            part = todo.pop()
            if part == b"..":
                done[-1:] = []
            elif part not in {b"", b"."}:
                target = self._read_link(b"/".join(done), part)
                if target is None:
                    done.append(part)
                    continue
                links += 1
                if links > _MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                if target.startswith(b"/"):
                    done.clear()
                todo.extend(target.split(b"/")[::-1])
        return b"/".join(done)

    def forget_below(self, path: bytes) -> None:
        """Close what is cached at and below a path that is about to go."""
        below = path + b"/"
        for known in [known for known in self._fds if known == path or known.startswith(below)]:
            os.close(self._fds.pop(known))

    def trim(self) -> None:
        """Close the older half where many are open; no descriptor given out may be in use."""
        if len(self._fds) > _CACHED:
            for path in list(self._fds)[1 : _CACHED // 2]:  # the first is the root
                os.close(self._fds.pop(path))

    def _read_link(self, directory: bytes, name: bytes) -> bytes | None:
        try:
            return os.readlink(name, dir_fd=self.open(directory))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno != errno.EINVAL:  # EINVAL: it is there and not a link
                raise
            return None

    def _walk(self, path: bytes) -> int:
        """What openat2 does, component by component."""
        fd = os.dup(self._fds[b""])
        for part in path.split(b"/"):
            try:
                below = os.open(part, NO_FOLLOW, dir_fd=fd)
            except OSError as error:
                raise OSError(error.errno, error.strerror, path) from None
            finally:
                os.close(fd)
            fd = below
        return fd

    def _close(self) -> None:
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()


def is_not_directory(error: OSError) -> bool:
    """Whether opening a directory failed since a link or something else is there."""
    return error.errno in {errno.ELOOP, errno.ENOTDIR}


def _syscall() -> ctypes._NamedFuncPointer:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc.syscall


_SYSCALL = _syscall()


def _openat2(root_fd: int, path: bytes) -> int:
    fd = int(_SYSCALL(_OPENAT2, root_fd, path, _HOW, len(_HOW)))
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return fd


def _openat2_works(root_fd: int) -> bool:
    """Whether the kernel has the call and seccomp lets it through."""
    try:
        os.close(_openat2(root_fd, b"."))
    except OSError:
        return False
    return True
