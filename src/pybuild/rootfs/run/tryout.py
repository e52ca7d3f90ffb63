# ruff: noqa: PTH102, PTH108 - pathlib would double the starter's start-up time
"""Try out, in a process that ends with it, whether overlay mounts work with an upper directory.

``python -I -S -c … DIRECTORY`` prints nothing and ends with 0, or prints why not.
"""

from __future__ import annotations

import os
import sys

from pybuild.rootfs.run import root, syscalls
from pybuild.rootfs.run.syscalls import MS_PRIVATE, MS_REC

OPTIONS = "redirect_dir=off,metacopy=off,index=off,xino=off"
"""Every one that would let an upper directory mean something only together with its lowers."""


def main(arguments: list[str]) -> None:
    """Do once, in an empty directory, what every RUN needs."""
    try:
        _try(arguments[0])
    except OSError as error:
        sys.stdout.write(f"{error.filename}: {error.strerror}")
        sys.exit(1)


def _try(directory: str) -> None:
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount("", "/", flags=MS_REC | MS_PRIVATE)

    os.chdir(directory)
    for name in ("lower", "upper", "work", "merged"):
        os.mkdir(name)
    os.close(os.open("lower/file", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    options = f"lowerdir=lower,upperdir=upper,workdir=work,{OPTIONS}"
    syscalls.mount("overlay", "merged", "overlay", options=options)
    os.unlink("merged/file")  # makes a whiteout, which is a device
    os.mkdir("merged/directory")
    root.change_root("merged")
