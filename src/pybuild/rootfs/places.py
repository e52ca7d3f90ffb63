"""A directory of its own for each build, and an end for those of builds that were killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


def claim(parent: Path, closing: ExitStack) -> Path:
    """Make a directory that is removed when closing closes; remove what dead builds left.

    A build holds a lock on its directory, which ends with the process however it ends.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with _alone(parent):
        _remove_dead(parent)
        place = Path(tempfile.mkdtemp(dir=parent)).resolve()
        lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        closing.callback(os.close, lock)
        closing.callback(shutil.rmtree, place)  # before the lock is given up
        fcntl.flock(lock, fcntl.LOCK_EX)
    place.chmod(0o711)  # a RUN's USER goes through it
    return place


@contextmanager
def _alone(parent: Path) -> Iterator[None]:
    """Let no other build look: a directory that is not locked yet looks like a dead build's."""
    directory = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _remove_dead(parent: Path) -> None:
    for place in parent.iterdir():
        try:
            lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue  # gone meanwhile, or another user's
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(place, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
