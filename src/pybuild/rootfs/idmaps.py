"""Which user namespaces this process may ask for, best first: read from its rights and files."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

from pybuild.rootfs.run import syscalls
from pybuild.rootfs.run.userns import IdMap

_CAP_SETGID, _CAP_SETUID = 6, 7  # linux/capability.h
_MOST_EXTENTS = 340  # user_namespaces(7)
_PROGRAM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


def candidates(etc: Path = Path("/etc"), proc: Path = Path("/proc/self")) -> list[IdMap]:
    """Maps to try: all ids where we or ``newuidmap`` may map them, at last our own id alone."""
    found = []
    permitted = syscalls.permitted_capabilities()
    if permitted >> _CAP_SETUID & 1 and permitted >> _CAP_SETGID & 1 and not os.geteuid():
        uids, gids = ((proc / name).read_text(encoding="ascii") for name in ("uid_map", "gid_map"))
        found.append(IdMap(_as_they_are(uids), _as_they_are(gids)))
    elif delegated := _delegated(etc):
        found.append(delegated)
    return [*found, IdMap([[0, os.geteuid(), 1]], [[0, os.getegid(), 1]], single=True)]


def _as_they_are(text: str) -> list[list[int]]:
    """Every id that this process has, under its own number."""
    extents = [[int(word) for word in line.split()] for line in text.splitlines()]
    return [[inside, inside, count] for inside, _, count in extents]


def _delegated(etc: Path) -> IdMap | None:
    """Ranges of ``/etc/subuid`` and ``/etc/subgid``, which ``newuidmap`` and its twin grant."""
    programs = [shutil.which(name, path=_PROGRAM_PATH) for name in ("newuidmap", "newgidmap")]
    uids = _ranges(etc / "subuid", os.geteuid())
    gids = _ranges(etc / "subgid", os.getegid())
    if not uids or not gids or None in programs:
        return None
    return IdMap(uids, gids, [program for program in programs if program])


def _ranges(file: Path, own: int) -> list[list[int]]:
    """Our own id becomes 0, the ranges follow: (subuid(5)) ``NAME-OR-UID:FIRST:COUNT``."""
    extents = [[0, own, 1]]
    names = _own_names()
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    for line in lines:
        owner, _, numbers = line.partition(":")
        first, _, count = numbers.partition(":")
        if owner in names and first.isdecimal() and count.isdecimal() and int(count):
            inside = extents[-1][0] + extents[-1][2]
            extents.append([inside, int(first), int(count)])
    return extents[:_MOST_EXTENTS] if len(extents) > 1 else []


def _own_names() -> set[str]:
    uid = os.getuid()
    try:
        return {str(uid), pwd.getpwuid(uid).pw_name}
    except KeyError:
        return {str(uid)}
