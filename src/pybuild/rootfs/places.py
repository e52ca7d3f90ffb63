"""A directory of its own for each build, and an end for those of builds that were killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path


def claim(parent: Path, closing: ExitStack) -> Path:
    """Make a directory that is removed when closing closes; remove what dead builds left.

    A build holds a lock on its directory, which ends with the process however it ends.
    """
    parent.mkdir(parents=True, exist_ok=True)
    _remove_dead(parent)
    place = Path(tempfile.mkdtemp(dir=parent)).resolve()
    place.chmod(0o711)  # a RUN's USER goes through it
    closing.callback(shutil.rmtree, place)
    lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    closing.callback(os.close, lock)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return place


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
