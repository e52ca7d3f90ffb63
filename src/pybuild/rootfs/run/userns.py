"""Enter a user namespace in which this process has every capability."""

from __future__ import annotations

import errno
import os
import subprocess
from typing import NamedTuple

from pybuild.rootfs.run import syscalls


class IdMap(NamedTuple):
    """Which ids of the machine a namespace has, and who says so to the kernel.

    Attributes:
        uids: Extents of (first id inside, first id outside, how many).
        gids: The same for groups.
        programs: ``newuidmap`` and ``newgidmap``; empty where this process may write the maps.
        single: One id only, which any process may map for itself; there are no groups then.
    """

    uids: list[list[int]]
    gids: list[list[int]]
    programs: list[str] = []  # noqa: RUF012 - a NamedTuple's default, never changed
    single: bool = False

    def has(self, uid: int, gid: int) -> bool:
        """Whether a process inside can be this user and group."""
        return _within(self.uids, uid) and _within(self.gids, gid)


def enter(id_map: IdMap) -> None:
    """Be root of a new user namespace and of a mount namespace that belongs to it.

    Call it without threads: a namespace is a thread's, and a copy of this process, which stays
    outside, writes the maps.

    Raises:
        OSError: The machine does not allow it; ``filename`` says what.
    """
    if id_map.single:
        syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS)
        # Who has no right over groups outside must not drop one that denies it something.
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", _text(id_map.uids))
        _write("/proc/self/gid_map", _text(id_map.gids))
        return

    writer = _Writer(id_map)
    try:
        syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS)
    except OSError:
        writer.finish(go=False)
        raise
    writer.finish(go=True)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


class _Writer:
    """A copy of this process that stays in the old namespace, since only from there it works."""

    def __init__(self, id_map: IdMap) -> None:
        go, self._go = os.pipe()
        self._said, said = os.pipe()
        target = os.getpid()
        self._pid = os.fork()
        if self._pid:
            os.close(go)
            os.close(said)
            return
        try:
            os.close(self._go)
            if os.read(go, 1):
                _map(target, id_map)
        except OSError as error:
            os.write(said, f"{error.errno or errno.EPERM} {error.strerror or error}".encode())
        finally:
            os._exit(0)

    def finish(self, *, go: bool) -> None:
        if go:
            os.write(self._go, b"x")
        os.close(self._go)
        with os.fdopen(self._said, "rb") as file:
            said = file.read().decode()
        os.waitpid(self._pid, 0)
        if said:
            number, _, text = said.partition(" ")
            raise OSError(int(number), text, "writing the id map")


def _map(target: int, id_map: IdMap) -> None:
    if not id_map.programs:
        _write(f"/proc/{target}/uid_map", _text(id_map.uids))
        _write(f"/proc/{target}/gid_map", _text(id_map.gids))
        return
    for program, extents in zip(id_map.programs, (id_map.uids, id_map.gids), strict=True):
        numbers = [str(number) for extent in extents for number in extent]
        done = subprocess.run(
            [program, str(target), *numbers], capture_output=True, env={}, check=False
        )
        if done.returncode:
            raise OSError(errno.EPERM, done.stderr.decode(errors="replace").strip(), program)


def _within(extents: list[list[int]], number: int) -> bool:
    return any(inside <= number < inside + count for inside, _, count in extents)


def _text(extents: list[list[int]]) -> str:
    return "".join(f"{inside} {outside} {count}\n" for inside, outside, count in extents)


def _write(path: str, text: str) -> None:
    """The kernel takes a map in one write only."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    finally:
        os.close(descriptor)
