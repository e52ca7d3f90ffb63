"""Mount what a RUN sees in its tree, in the RUN's own mount namespace.

Everything is first mounted at a place of its own, where nothing of the image is in the way, and
moved into the tree when it is complete.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import os
from collections.abc import Callable

from pybuild.rootfs.run import devices, syscalls
from pybuild.rootfs.run.points import Points
from pybuild.rootfs.run.protocol import Mount
from pybuild.rootfs.run.syscalls import (
    MS_BIND,
    MS_MOVE,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
)

# OCI runtimes' ``readonlyPaths`` (moby, oci/defaults.go): a RUN has DAC_OVERRIDE, and what is
# written there is the machine's.
_READ_ONLY_IN_PROC = ("bus", "fs", "irq", "sys", "sysrq-trigger")
_KERNEL_FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC
_EXECUTE_BITS = 0o111
# A remount of a bind drops flags that it does not name, and is refused where the machine had set
# them: statvfs(3)'s and mount(2)'s.
_FLAGS_TO_KEEP = {
    os.ST_NOSUID: MS_NOSUID,
    os.ST_NODEV: MS_NODEV,
    os.ST_NOEXEC: MS_NOEXEC,
    os.ST_NOATIME: syscalls.MS_NOATIME,
    os.ST_NODIRATIME: syscalls.MS_NODIRATIME,
    os.ST_RELATIME: syscalls.MS_RELATIME,
}


class Mounter:
    """Makes the mounts of one RUN, in order.

    Args:
        root: The tree.
        scratch: An empty directory outside it; what it holds afterwards is in memory.
        on_made: Told of each path that had to be made in the tree.
        fresh_proc: This process is in a PID namespace of its own.
        fresh_sys: It is in a network namespace of its own.
    """

    def __init__(
        self,
        root: str,
        scratch: str,
        on_made: Callable[[str], None],
        *,
        fresh_proc: bool,
        fresh_sys: bool,
    ) -> None:
        self._points = Points(root, on_made)
        self._scratch = scratch
        self._fresh_proc = fresh_proc
        self._fresh_sys = fresh_sys
        self._files = 0
        syscalls.mount("tmpfs", scratch, "tmpfs", _KERNEL_FLAGS, "mode=700")
        self._directory, self._file = f"{scratch}/directory", f"{scratch}/file"
        os.mkdir(self._directory)  # noqa: PTH102 - pathlib is slow to start
        os.close(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))

    def mount(self, mount: Mount) -> None:
        """Make one of them.

        Raises:
            OSError: It cannot be had; ``filename`` says what and why not.
        """
        is_directory = mount.kind != "file" and (
            mount.kind != "bind" or os.path.isdir(mount.source)  # noqa: PTH112 - as above
        )
        stage = self._directory if is_directory else self._file
        try:
            with self._points.found(mount.target, is_directory=is_directory) as place:
                self._prepare(mount, stage)
                syscalls.mount(stage, place, flags=MS_MOVE)
        except OSError as error:
            where = error.filename or ""
            what = f"{mount.source} on {mount.target}" if mount.source else mount.target
            what += f": {where}" if where.startswith("/") and where != mount.target else ""
            raise OSError(error.errno, error.strerror, f"mount {what}") from None

    def _prepare(self, mount: Mount, stage: str) -> None:
        match mount.kind:
            case "proc":
                mount_proc(stage, fresh=self._fresh_proc)
                self._points.close(os.stat(stage).st_dev)  # noqa: PTH116 - as above
            case "sys":
                _mount_sys(stage, fresh=self._fresh_sys)
                self._points.close(os.stat(stage).st_dev)  # noqa: PTH116 - as above
            case "dev":
                devices.mount(stage, mount.size_bytes)
            case "bind":
                _mount_bind(mount, stage)
            case "tmpfs":
                # As BuildKit: set-id bits are off, device files are not.
                size = f",size={mount.size_bytes}" if mount.size_bytes else ""
                syscalls.mount("tmpfs", stage, "tmpfs", MS_NOSUID, f"mode=1777{size}")
            case "file":
                self._mount_file(mount, stage)

    def _mount_file(self, mount: Mount, stage: str) -> None:
        """A bind of a file in memory; the old root takes every other name of it away."""
        self._files += 1
        name = f"{self._scratch}/{self._files}"
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            rest = base64.b64decode(mount.data)
            while rest:
                rest = rest[os.write(file, rest) :]
            os.fchown(file, *mount.owner)
            os.fchmod(file, mount.mode)
        finally:
            os.close(file)
        # As BuildKit: read-only, and noexec unless the mode says that it is a program.
        noexec = 0 if mount.mode & _EXECUTE_BITS else MS_NOEXEC
        syscalls.mount(name, stage, flags=MS_BIND)
        flags = MS_RDONLY | MS_NOSUID | MS_NODEV | noexec
        syscalls.mount("", stage, flags=MS_REMOUNT | MS_BIND | flags)


def mount_proc(target: str, *, fresh: bool) -> None:
    """A ``/proc`` that shows this PID namespace; where it is refused, the machine's."""
    try:
        if fresh:
            syscalls.mount("proc", target, "proc", _KERNEL_FLAGS)
    except PermissionError:
        # A container runtime has covered parts of the machine's: the kernel gives a user
        # namespace none that would show them (mount_namespaces(7), "mount points become locked").
        fresh = False
    if not fresh:
        _bind("/proc", target)
    for name in _READ_ONLY_IN_PROC:
        path = f"{target}/{name}"
        with contextlib.suppress(FileNotFoundError):
            _bind(path, path)
            _protect_if_possible(path)


def _bind(source: str, target: str) -> None:
    """With what is mounted below; nothing mounted later on one side is seen on the other."""
    syscalls.mount(source, target, flags=MS_BIND | MS_REC)
    syscalls.mount("", target, flags=MS_REC | MS_PRIVATE)


def _mount_sys(target: str, *, fresh: bool) -> None:
    """The machine's; but its network devices are those of the namespace that mounted it."""
    if fresh:
        with contextlib.suppress(PermissionError):  # as for ``/proc``
            syscalls.mount("sysfs", target, "sysfs", _KERNEL_FLAGS | MS_RDONLY)
            return
    _bind("/sys", target)
    _protect_if_possible(target)


def _mount_bind(mount: Mount, target: str) -> None:
    _bind(mount.source, target)
    if not mount.read_only:
        return
    try:
        syscalls.make_read_only(target)
    except OSError as error:
        if error.errno not in {errno.ENOSYS, errno.EPERM}:
            raise
        # Before Linux 5.12, or by a filter. One mount can be protected in another way: what is
        # mounted below must not be there then.
        syscalls.umount(target, syscalls.MNT_DETACH)
        syscalls.mount(mount.source, target, flags=MS_BIND)
        status = os.statvfs(target)
        kept = sum(flag for bit, flag in _FLAGS_TO_KEEP.items() if status.f_flag & bit)
        syscalls.mount("", target, flags=MS_REMOUNT | MS_BIND | MS_RDONLY | kept)


def _protect_if_possible(target: str) -> None:
    with contextlib.suppress(OSError):  # ENOSYS before Linux 5.12, EPERM by a filter
        syscalls.make_read_only(target)
