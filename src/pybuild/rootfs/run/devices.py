# ruff: noqa: PTH102, PTH211 - pathlib would double the starter's start-up time
"""The ``/dev`` of a RUN: what every container has, and nothing of the machine's own devices."""

from __future__ import annotations

import contextlib
import os

from pybuild.rootfs.run import syscalls
from pybuild.rootfs.run.syscalls import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID

# OCI runtime specification, config-linux, "Default Devices" and "Dev symbolic links".
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS = (
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
)


def mount(target: str, shm_bytes: int = 0) -> None:
    """Mount it; every write to it ends with the RUN.

    Args:
        target: An empty directory.
        shm_bytes: The size of ``shm``; 0 leaves the kernel's limit, half of the memory.
    """
    syscalls.mount("tmpfs", target, "tmpfs", MS_NOSUID, "mode=755,size=65536k")
    for name in _DEVICES:
        source, place = f"/dev/{name}", f"{target}/{name}"
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC))
        with contextlib.suppress(FileNotFoundError):
            syscalls.mount(source, place, flags=MS_BIND)
    for name, link in _LINKS:
        os.symlink(link, f"{target}/{name}")

    for name in ("pts", "shm"):
        os.mkdir(f"{target}/{name}")
    syscalls.mount(
        "devpts",
        f"{target}/pts",
        "devpts",
        MS_NOSUID | MS_NOEXEC,
        "newinstance,ptmxmode=0666,mode=0620",
    )
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    size = f",size={shm_bytes}" if shm_bytes else ""
    syscalls.mount("shm", f"{target}/shm", "tmpfs", flags, f"mode=1777{size}")
