"""Make a mounted tree the root of this process, in namespaces of its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from pybuild.rootfs.run import loopback, syscalls
from pybuild.rootfs.run.mounts import Mounter
from pybuild.rootfs.run.protocol import RunSpec
from pybuild.rootfs.run.syscalls import MS_PRIVATE, MS_REC


def enter(spec: RunSpec, on_made: Callable[[str], None]) -> None:
    """Mount what a RUN needs below its root, and go there.

    Args:
        spec: With a root; this process is in the PID namespace that it asks for.
        on_made: Told of each path that had to be made in the tree.
    """
    own = syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC
    own |= syscalls.CLONE_NEWUTS if spec.hostname else 0
    own |= syscalls.CLONE_NEWNET if spec.own_network else 0
    syscalls.unshare(own)
    if spec.hostname:
        socket.sethostname(spec.hostname)
    if spec.own_network:
        loopback.bring_up()

    syscalls.mount("", "/", flags=MS_REC | MS_PRIVATE)
    mounter = Mounter(
        spec.root,
        spec.scratch,
        on_made,
        fresh_proc=spec.own_processes,
        fresh_sys=spec.own_network,
    )
    for mount in spec.mounts:
        mounter.mount(mount)
    change_root(spec.root)


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
