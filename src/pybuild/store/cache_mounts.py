"""Directories of ``RUN --mount=type=cache``, which outlive builds and may be shared by them.

::

    <root>/<sha256 of the name>/name      the name, for people
                                0.lock    held, with others or alone, by who has the directory
                                0         the cache
                                1.lock …  another one, which a private cache got while 0 was taken

The locks are ``flock``: they hold between threads and between builds alike, and end with the
process however it ends. A directory appears filled or not at all, made by who is alone. Who has it
may move it away and must bring it back: while somebody has it, its absence means nothing. Nothing
is ever deleted.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pybuild.archive.disk import disk_errors
from pybuild.errors import StateError

_Fill = Callable[[Path], None]

_PAUSE_S = 0.1  # between two looks at a cache that somebody has, as BuildKit waits
_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
_NEW = ".new-"
_MODE = 0o755  # of a new directory, until it is filled


class DirectoryCaches:
    """``ports.CacheMounts`` in directories below one; safe to use from many threads."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def open(
        self,
        name: str,
        sharing: str,
        fill: Callable[[Path], None],
        on_wait: Callable[[], None],
    ) -> Iterator[Path]:
        """A cache's directory, for as long as the block lasts.

        Raises:
            StateError: The disk refuses, or has no locks.
        """
        key = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
        place = self._root / key
        with ExitStack() as held:
            with disk_errors(f"cannot use the cache {name}"):
                _label(place, name)
                match sharing:
                    case "private":
                        cache = _any(place, fill, held)
                    case "shared":
                        cache = _shared(place, fill, held, on_wait)
                    case _:
                        cache = _alone(place, fill, held, on_wait)
            yield cache


def _label(place: Path, name: str) -> None:
    place.mkdir(parents=True, exist_ok=True)
    label = place / "name"
    if not label.exists():
        label.write_text(name + "\n", encoding="utf-8", errors="surrogateescape")


def _any(place: Path, fill: _Fill, held: ExitStack) -> Path:
    """The first cache that nobody has."""
    for number in itertools.count():
        with ExitStack() as tried:
            if _locked(_lock_file(place / f"{number}.lock", tried), fcntl.LOCK_EX, place):
                held.push(tried.pop_all())
                return _filled(place, str(number), fill)
    raise AssertionError("numbers do not end")


def _alone(place: Path, fill: _Fill, held: ExitStack, on_wait: Callable[[], None]) -> Path:
    fd = _lock_file(place / "0.lock", held)
    while not _locked(fd, fcntl.LOCK_EX, place):
        on_wait()
        time.sleep(_PAUSE_S)
    return _filled(place, "0", fill)


def _shared(place: Path, fill: _Fill, held: ExitStack, on_wait: Callable[[], None]) -> Path:
    fd = _lock_file(place / "0.lock", held)
    cache = place / "0"
    while True:
        if not cache.exists() and _locked(fd, fcntl.LOCK_EX, place):
            _filled(place, "0", fill)
        # Else it is there, or somebody has it: who fills it has it alone, so that this waits.
        if _locked(fd, fcntl.LOCK_SH, place):
            return cache
        on_wait()
        time.sleep(_PAUSE_S)


def _lock_file(path: Path, held: ExitStack) -> int:
    # Opened anew each time: threads that shared one open file would share its lock.
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    held.callback(os.close, fd)
    return fd


def _locked(fd: int, how: int, place: Path) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise StateError(
                f"the file system of {place} has no locks, which cache mounts need",
                hint="put the state directory on another one with --state-dir",
            ) from error
        raise
    return True


def _filled(place: Path, name: str, fill: _Fill) -> Path:
    """A cache's directory, made where it is missing; we have it alone."""
    cache = place / name
    if cache.exists():
        return cache
    with ExitStack() as cleanup:
        new = Path(tempfile.mkdtemp(dir=place, prefix=f"{_NEW}{name}-"))
        cleanup.callback(shutil.rmtree, new, ignore_errors=True)
        new.chmod(_MODE)
        fill(new)
        new.rename(cache)
    return cache
