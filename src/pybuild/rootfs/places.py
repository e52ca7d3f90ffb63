"""A directory of its own for each build, and an end for those of builds that were killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pybuild.archive.disk import disk_errors


def claim(parent: Path, closing: ExitStack) -> Path:
    """Make a directory that is removed when closing closes; remove what dead builds left.

    A build holds a lock on its directory, which ends with the process however it ends.

    Raises:
        StateError: The parent refuses.
    """
    with disk_errors(_refused(parent)):
        parent.mkdir(parents=True, exist_ok=True)
        with _alone(parent):
            _remove_dead(parent)
            place = _take(parent, closing)
        place.chmod(0o711)  # a RUN's USER goes through it
    return place


@contextmanager
def trial(parent: Path) -> Iterator[Path]:
    """Have a directory to try something in, beside those of builds; theirs stay, dead or not.

    Raises:
        StateError: The parent refuses.
    """
    with ExitStack() as closing:
        with disk_errors(_refused(parent)):
            parent.mkdir(parents=True, exist_ok=True)
            with _alone(parent):
                place = _take(parent, closing)
        # In a user namespace the kernel leaves a directory that nobody may enter: unlike rmtree,
        # this one's end makes it so that we may.
        with tempfile.TemporaryDirectory(dir=place) as directory:
            yield Path(directory)


def _refused(parent: Path) -> str:
    return f"cannot make a directory in {parent}"


def _take(parent: Path, closing: ExitStack) -> Path:
    """Make and lock a directory; nobody else may look at the parent meanwhile."""
    place = Path(tempfile.mkdtemp(dir=parent)).resolve()
    lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    closing.callback(os.close, lock)
    closing.callback(shutil.rmtree, place)  # before the lock is given up
    fcntl.flock(lock, fcntl.LOCK_EX)
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
