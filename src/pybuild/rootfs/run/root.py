"""Make a mounted tree the root of this process, in a mount namespace of its own."""

from __future__ import annotations

import os
import stat

from pybuild.rootfs.run import syscalls
from pybuild.rootfs.run.syscalls import MS_BIND, MS_NODEV, MS_NOSUID, MS_PRIVATE, MS_REC


def enter(root: str, binds: list[list[str]]) -> None:
    """Bind what is asked for below root, give it a ``/dev/shm`` of its own, go there."""
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount("", "/", flags=MS_REC | MS_PRIVATE)
    for source, target in binds:
        syscalls.mount(source, target, flags=MS_BIND | MS_REC)
        syscalls.mount("", target, flags=MS_REC | MS_PRIVATE)

    memory = f"{root}/dev/shm"  # noqa: S108 - a mount point inside the tree
    if _is_directory(memory):
        syscalls.mount("tmpfs", memory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    change_root(root)


def change_root(root: str) -> None:
    """``pivot_root``; where a filter forbids it (seccomp), move the mount and ``chroot``."""
    os.chdir(root)
    try:
        # The old root ends up on top of the new one, and leaves with everything below it
        # (pivot_root(2), "pivot_root(".", ".")").
        syscalls.pivot_root(".", ".")
        syscalls.umount(".", syscalls.MNT_DETACH)
    except PermissionError:
        syscalls.mount(".", "/", flags=syscalls.MS_MOVE)
        os.chroot(".")
    os.chdir("/")


def _is_directory(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False
