"""Make a mounted tree the root of this process, in namespaces of its own."""

from __future__ import annotations

import contextlib
import os

from pybuild.rootfs.run import devices, syscalls
from pybuild.rootfs.run.syscalls import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
)

# OCI runtimes' ``readonlyPaths`` (moby, oci/defaults.go): a RUN has DAC_OVERRIDE, and what is
# written there is the machine's.
_READ_ONLY = ("bus", "fs", "irq", "sys", "sysrq-trigger")


def enter(root: str, binds: list[list[str]], *, fresh_proc: bool) -> None:
    """Mount what a RUN needs below root, and go there.

    Args:
        root: A mount.
        binds: Pairs of source and target. Sources ``proc``, ``sys`` and ``dev`` are the kernel's
            filesystems, others paths of this machine.
        fresh_proc: This process is in a PID namespace of its own.
    """
    syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC)
    syscalls.mount("", "/", flags=MS_REC | MS_PRIVATE)
    for source, target in binds:
        if source == "proc":
            mount_proc(target, fresh=fresh_proc)
        elif source == "sys":
            _bind("/sys", target)
            _protect(target)
        elif source == "dev":
            devices.mount(target)
        else:
            _bind(source, target)
    change_root(root)


def mount_proc(target: str, *, fresh: bool) -> None:
    """A ``/proc`` that shows this PID namespace; where it is refused, the machine's."""
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    try:
        if fresh:
            syscalls.mount("proc", target, "proc", flags)
    except PermissionError:
        # A container runtime has covered parts of the machine's: the kernel gives a user
        # namespace none that would show them (mount_namespaces(7), "mount points become locked").
        fresh = False
    if not fresh:
        _bind("/proc", target)
    for name in _READ_ONLY:
        path = f"{target}/{name}"
        with contextlib.suppress(FileNotFoundError):
            _bind(path, path)
            _protect(path)


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


def _bind(source: str, target: str) -> None:
    syscalls.mount(source, target, flags=MS_BIND | MS_REC)
    syscalls.mount("", target, flags=MS_REC | MS_PRIVATE)


def _protect(target: str) -> None:
    with contextlib.suppress(OSError):  # ENOSYS before Linux 5.12, EPERM by a filter
        syscalls.make_read_only(target)
