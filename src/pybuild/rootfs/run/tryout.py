# ruff: noqa: PTH102, PTH106, PTH108 - pathlib would double the starter's start-up time
"""Try out, in a process that ends with it, whether overlay mounts work with an upper directory.

``python -I -S -c … DIRECTORY [ID-MAP]`` prints what works as JSON and ends with 0, or prints why
nothing does. ``ID-MAP`` is that of a user namespace to enter first.
"""

from __future__ import annotations

import json
import os
import sys

from pybuild.rootfs.run import loopback, root, syscalls
from pybuild.rootfs.run.syscalls import (
    CLONE_NEWNET,
    CLONE_NEWUTS,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
)
from pybuild.rootfs.run.userns import IdMap, enter

# Every option that would let an upper directory mean something only with its lowers is off.
_OPTIONS = "metacopy=off,index=off,xino=off"
OPTIONS = f"redirect_dir=off,{_OPTIONS}"
USERNS_OPTIONS = f"redirect_dir=nofollow,userxattr,{_OPTIONS}"
"""In a user namespace ``trusted.`` attributes cannot be had (filesystems/overlayfs.rst)."""


def main(arguments: list[str]) -> None:
    """Do once, in an empty directory, what every RUN needs."""
    directory, *more = arguments
    try:
        if more:
            enter(IdMap(*json.loads(more[0])))
        else:
            syscalls.unshare(syscalls.CLONE_NEWNS)
        syscalls.mount("", "/", flags=MS_REC | MS_PRIVATE)
        os.chdir(directory)
        fresh_proc = _try_proc()
        _try_overlay(USERNS_OPTIONS if more else OPTIONS)
        own_hostname, own_network = _try_unshare(CLONE_NEWUTS), _try_network()
    except OSError as error:
        sys.stdout.write(f"{error.filename}: {error.strerror}")
        sys.exit(1)
    found = {"fresh_proc": fresh_proc, "own_hostname": own_hostname, "own_network": own_network}
    sys.stdout.write(json.dumps(found))


def _try_overlay(options: str) -> None:
    for name in ("lower", "lower/gone", "upper", "work", "merged"):
        os.mkdir(name)
    os.close(os.open("lower/file", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    options = f"lowerdir=lower,upperdir=upper,workdir=work,{options}"
    syscalls.mount("overlay", "merged", "overlay", options=options)
    os.unlink("merged/file")  # makes a whiteout, which is a device
    os.rmdir("merged/gone")
    os.mkdir("merged/gone")  # makes it opaque, which is an extended attribute
    root.change_root("merged")


def _try_proc() -> bool:
    """Whether a RUN can have a PID namespace and a ``/proc`` that shows it."""
    child = os.fork()  # a process is in the namespace that its parent had asked for
    if not child:
        status = 1
        try:
            syscalls.unshare(syscalls.CLONE_NEWPID)
            inner = os.fork()
            if not inner:
                os.mkdir("proc")
                syscalls.mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
                os._exit(0)
            status = os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1])
        finally:
            os._exit(status)
    return not os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _try_network() -> bool:
    if not _try_unshare(CLONE_NEWNET):
        return False
    try:
        loopback.bring_up()
    except OSError:
        return False
    return True


def _try_unshare(flag: int) -> bool:
    """Whether a namespace is allowed; a machine may limit how many there are of each kind."""
    try:
        syscalls.unshare(flag)
    except OSError:
        return False
    return True
