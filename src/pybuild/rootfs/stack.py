"""Directories stacked by overlay mounts: what a stage's tree is made of where we can mount."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pybuild.errors import HostUnsupported
from pybuild.rootfs.run import syscalls

# mount(2) takes one page of options. A lower directory is named through a descriptor of the
# stack's directory, which is short whatever the state directory is called, and holds no ``:``.
_MOST_OPTION_BYTES = 4095
_VOLATILE = ",volatile"


class Stack:
    """Directories ``0``, ``1``, … below a place of their own; later ones hide earlier ones.

    ``0`` is a plain directory that others may write to. Each later one was the upper directory of
    an overlay mount, and holds whiteouts as overlayfs writes them.

    Args:
        options: Those of every mount.
    """

    def __init__(self, place: Path, options: str) -> None:
        self._place = place
        self._options = options
        self._count = 1
        place.mkdir()
        self._directory = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._viewed = False
        for name in ("0", "merged", "below"):
            (place / name).mkdir()
        self.base.chmod(0o755)  # an image's root, whatever our umask

    @property
    def base(self) -> Path:
        """The lowest directory."""
        return self._place / "0"

    @property
    def top(self) -> Path:
        """The directory that was written last."""
        return self._place / str(self._count - 1)

    @property
    def is_plain(self) -> bool:
        """Whether the base is all there is."""
        return self._count == 1

    def view(self) -> Path:
        """The tree as it is now; holds until the next ``writable`` or ``close``."""
        if self.is_plain:
            return self.base
        if not self._viewed:
            self._mount(self._count, writable=False)
            self._viewed = True
        return self._place / "merged"

    @contextmanager
    def writable(self) -> Iterator[Path]:
        """The tree with a new directory on top, which is kept however the block ends."""
        self._drop_view()
        upper = self._place / str(self._count)
        upper.mkdir()
        copy_root(self.top, upper)
        self._mount(self._count, writable=True)
        try:
            yield self._place / "merged"
        finally:
            syscalls.umount(str(self._place / "merged"), syscalls.MNT_DETACH)
            self._count += 1

    @contextmanager
    def below_top(self) -> Iterator[Path]:
        """The tree as it was before the last directory was put on top."""
        if self._count <= 2:  # noqa: PLR2004 - the base and one more
            yield self.base
            return
        # On a mount point of its own: the view that somebody reads from must go on.
        self._mount(self._count - 1, writable=False, at="below")
        try:
            yield self._place / "below"
        finally:
            syscalls.umount(str(self._place / "below"), syscalls.MNT_DETACH)

    def close(self) -> None:
        """Unmount and delete."""
        self._drop_view()
        os.close(self._directory)
        shutil.rmtree(self._place)

    def _drop_view(self) -> None:
        if self._viewed:
            syscalls.umount(str(self._place / "merged"), syscalls.MNT_DETACH)
            self._viewed = False

    def _mount(self, lowers: int, *, writable: bool, at: str = "merged") -> None:
        here = f"/proc/self/fd/{self._directory}"
        names = ":".join(f"{here}/{number}" for number in reversed(range(lowers)))
        options = f"lowerdir={names},{self._options}"
        if writable:
            work = f"work-{lowers}"  # a volatile mount leaves a mark in it that refuses a second
            (self._place / work).mkdir()
            options += f",upperdir={here}/{lowers},workdir={here}/{work}"
        if len(options) + len(_VOLATILE) > _MOST_OPTION_BYTES:
            raise HostUnsupported(
                f"a stage of {lowers} directories is more than one overlay mount can name",
                hint="join RUN instructions, or build with --rootfs inplace",
            )
        target = str(self._place / at)
        if writable:
            mount_volatile(target, options)
        else:
            syscalls.mount("overlay", target, "overlay", syscalls.MS_RDONLY, options)


def mount_volatile(target: str, options: str) -> None:
    """Mount without what a crash of the machine would need.

    Else every unmount writes all that is dirty in the file system to the disk, and every fsync of
    a package manager does; the tree is worth nothing after a crash.
    """
    try:
        syscalls.mount("overlay", target, "overlay", 0, options + _VOLATILE)
    except OSError as error:
        if error.errno != errno.EINVAL:  # before Linux 5.10
            raise
        syscalls.mount("overlay", target, "overlay", 0, options)


def copy_root(source: Path, target: Path) -> None:
    """A mount's root shows the upper directory's own mode, owner, times and attributes."""
    status = source.lstat()
    os.chown(target, status.st_uid, status.st_gid)
    for name in os.listxattr(source):
        if not name.startswith(("trusted.overlay.", "user.overlay.")):
            with contextlib.suppress(OSError):
                os.setxattr(target, name, os.getxattr(source, name))
    target.chmod(status.st_mode & 0o7777)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
