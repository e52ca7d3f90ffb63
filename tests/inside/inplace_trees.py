# ruff: noqa: PTH114, PTH115, PTH118, PTH208, S202 - os functions show the root as it is
"""What tests of RUNs in place share, inside our own image."""

import os
import tarfile
from pathlib import Path

from pybuild.ports import Process

BASES = Path("/pybuild/own/bases")
STATE = Path("/pybuild/state")
NOT_NEEDED = (
    "usr/share/zoneinfo", "usr/share/perl", "usr/share/bash", "usr/share/i18n",
    "usr/lib/x86_64-linux-gnu/perl", "usr/lib/x86_64-linux-gnu/gconv", "var/lib/dpkg/info",
)  # fmt: skip
ENV = (("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("HOME", "/root"))


def look_of_root():
    """Everything about our own root that a RUN must leave as it was."""
    shown = {}
    for directory in ("/", "/etc"):
        status = os.lstat(directory)
        shown[directory] = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns)
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            is_link = os.path.islink(path)
            shown[path] = os.readlink(path) if is_link else os.lstat(path).st_ino
    return shown


def unpacked(tree, name):
    with tree.layer() as root, tarfile.open(BASES / f"{name}.tar") as archive:
        archive.extraction_filter = staticmethod(lambda member, _path: member)
        members = [it for it in archive if not it.name.startswith(NOT_NEEDED)]
        archive.extractall(root, members, numeric_owner=True)
        for path in ("etc/hosts", "etc/hostname", "etc/resolv.conf", ".dockerenv"):
            (root / path).unlink(missing_ok=True)
    return tree


def sh(tree, script, **more):
    lines = []
    status = tree.run(Process(("sh", "-c", script), ENV, **more), lines.append)
    return status, lines


def changes(tree):
    return {it.path: it.entry for it in tree.candidates()}


def alive(word):
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (directory / "cmdline").read_bytes():
                found.append(directory.name)
        except OSError:
            continue
    return found
