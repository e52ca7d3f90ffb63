"""A directory or a file of this machine that a RUN may change, and that is as before afterwards."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pybuild.errors import HostUnsupported
from pybuild.rootfs import mounts
from pybuild.rootfs.duplicate import duplicate
from pybuild.rootfs.run import syscalls
from pybuild.rootfs.stack import copy_root, mount_volatile


@contextmanager
def private(source: Path, place: Path, options: str, warn: Callable[[str], None]) -> Iterator[Path]:
    """An overlay over a directory; a copy of a file, and of what an overlay cannot show.

    Args:
        source: Absolute, without links.
        place: A new, empty directory on a filesystem that can hold an upper directory.
        options: Those of every overlay mount.
        warn: Told of a device that cannot be copied.

    Yields:
        Where it is meanwhile.

    Raises:
        HostUnsupported: It can neither be overlaid nor copied.
    """
    merged = place / "merged"
    if source.is_dir() and not _has_mounts(source) and _overlay(source, place, options):
        try:
            yield merged
        finally:
            syscalls.umount(str(merged), syscalls.MNT_DETACH)
        return

    if place.is_relative_to(source):
        raise HostUnsupported(
            f"{source} cannot be copied for a RUN that may change it: the state directory is in it",
            hint="put --state-dir elsewhere",
        )
    with contextlib.suppress(FileNotFoundError):
        merged.rmdir()
    try:
        duplicate(os.fsencode(source), os.fsencode(merged), warn)
    except OSError as error:
        raise HostUnsupported(
            f"{source} cannot be copied for a RUN that may change it: {error}"
        ) from error
    yield merged


def _has_mounts(source: Path) -> bool:
    """Whether something is mounted below, which a lower directory would not show."""
    above = os.fsencode(source).rstrip(b"/") + b"/"
    return any(point.startswith(above) for point in mounts.mount_points().values())


def _overlay(source: Path, place: Path, options: str) -> bool:
    """Mount one; false where the kernel will not: stacked twice already, NFS, …."""
    for name in ("merged", "upper", "work"):
        (place / name).mkdir()
    with contextlib.suppress(OSError):  # an owner that this user namespace does not have
        copy_root(source, place / "upper")
    # A name with ``:`` or ``,`` in it would be read as two.
    lower = os.open(source, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    above = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        here = f"/proc/self/fd/{above}"
        directories = f"lowerdir=/proc/self/fd/{lower},upperdir={here}/upper,workdir={here}/work"
        mount_volatile(str(place / "merged"), f"{directories},{options}")
    except OSError:
        return False
    finally:
        os.close(lower)
        os.close(above)
    return True
