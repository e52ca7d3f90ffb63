"""What a RUN in place can change of the machine outside its tree: seen before, put back after."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pybuild.errors import IntegrityError

ACCOUNTED = (Path("/etc/hosts"), Path("/etc/hostname"), Path("/etc/resolv.conf"))
DEVICES = Path("/dev")
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the place itself


@contextmanager
def kept(
    files: Iterable[Path] = ACCOUNTED, directories: Iterable[Path] = (DEVICES, SHARED_MEMORY)
) -> Iterator[None]:
    """Restore the runtime's files, its devices and an empty shared memory after the block.

    Raises:
        IntegrityError: Something cannot be put back.
    """
    with ExitStack() as undo:
        for file in files:
            if file.is_file():
                undo.callback(_restore, file, file.read_bytes(), file.stat())
        for directory in directories:
            if directory.is_dir():
                undo.callback(_tidy, directory, _names(directory))
        yield


def _restore(file: Path, content: bytes, status: os.stat_result) -> None:
    """Write it, not replace it: it is a mount."""
    try:
        if file.read_bytes() != content:
            file.write_bytes(content)
        now = file.stat()
        if (now.st_uid, now.st_gid) != (status.st_uid, status.st_gid):
            os.chown(file, status.st_uid, status.st_gid)
        if now.st_mode != status.st_mode:
            file.chmod(stat.S_IMODE(status.st_mode))
    except OSError as error:
        raise IntegrityError(f"{file} cannot be restored: {error.strerror}") from error


def _names(directory: Path) -> dict[Path, tuple[os.stat_result, str]]:
    found = {}
    for path in directory.iterdir():
        status = path.lstat()
        found[path] = status, str(path.readlink()) if stat.S_ISLNK(status.st_mode) else ""
    return found


def _tidy(directory: Path, before: dict[Path, tuple[os.stat_result, str]]) -> None:
    now = _names(directory)
    for path, (status, _) in now.items():
        if path not in before or _identity(before[path][0]) != _identity(status):
            _remove(path)
    for path, (status, link) in before.items():
        if not os.path.lexists(path):
            _make_again(path, status, link)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_mode, status.st_rdev, status.st_uid


def _make_again(path: Path, status: os.stat_result, link: str) -> None:
    try:
        if link:
            path.symlink_to(link)
        elif stat.S_ISCHR(status.st_mode):
            os.mknod(path, status.st_mode, status.st_rdev)
            path.chmod(stat.S_IMODE(status.st_mode))
        else:
            return  # a file in shared memory: whoever had put it there was not the builder
    except OSError as error:
        raise IntegrityError(
            f"the command removed {path}, which cannot be made again: {error.strerror}",
            hint="keep RUN commands away from /dev",
        ) from error


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
