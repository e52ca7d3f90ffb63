"""Files and directories that live as long as the process that made them, and a lock for moments.

The sign of life is a ``flock``: the kernel lets go of it however the process ends, and it means
the same in every container that shares the directory, where a process number means nothing.
Where a file system has no such locks, nothing is ever taken for dead.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOMENT_MODE = 0o666  # another user's build waits for us, too, where the umask lets it


@dataclass(frozen=True, slots=True)
class Claim:
    """A new file or directory that is ours until ``fd`` is closed."""

    fd: int
    path: Path


def claim_file(directory: Path, prefix: str) -> Claim:
    """Make an empty file that no ``sweep`` removes while we live; mode 0600.

    Raises:
        OSError: The directory refuses.
    """
    while True:
        fd, name = tempfile.mkstemp(dir=directory, prefix=prefix)
        if _is_ours(fd, Path(name)):
            return Claim(fd, Path(name))


def claim_directory(parent: Path, prefix: str) -> Claim:
    """Make an empty directory that no ``sweep`` removes while we live; mode 0700.

    Raises:
        OSError: The parent refuses.
    """
    while True:
        path = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
        with suppress(FileNotFoundError):  # swept before it was locked
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if _is_ours(fd, path):
                return Claim(fd, path)


def sweep(directory: Path, prefix: str) -> None:
    """Remove what processes that are gone have claimed with this prefix.

    Raises:
        OSError: The directory cannot be listed.
    """
    for path in directory.iterdir():
        if path.name.startswith(prefix):
            with suppress(OSError):
                _remove_dead(path)


def is_alive(path: Path) -> bool:
    """Whether the process that claimed a path lives; False where the path is gone."""
    try:
        fd = os.open(path, _LOOK)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # another user's: nobody knows
    try:
        return not _locked(fd)
    finally:
        os.close(fd)


@contextmanager
def moment(lock_file: Path, *, alone: bool) -> Iterator[None]:
    """Hold a lock for as long as the block takes, with others or alone; waits for its turn.

    Each call opens the file anew: threads that shared one open file would share its lock.

    Raises:
        OSError: The file cannot be made.
    """
    fd = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MOMENT_MODE)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(fd)


def _is_ours(fd: int, path: Path) -> bool:
    """Lock what we just made; False where a sweep was faster and it is gone."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)  # waits for no longer than a sweep looks at it
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            os.close(fd)
            raise
    if path.exists():
        return True
    os.close(fd)
    return False


def _remove_dead(path: Path) -> None:
    fd = os.open(path, _LOOK)
    try:
        if not _locked(fd):
            return
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    finally:
        os.close(fd)


def _locked(fd: int) -> bool:
    """Try to lock; False where somebody else holds it, or nobody can tell."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
