"""A command to run in a tree, and everything around it, as values."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path


class Access(enum.Enum):
    """What becomes of what a RUN writes to a mount.

    READ_ONLY is refused where the place can refuse it; where it cannot, it is dropped, with a
    warning.
    """

    READ_ONLY = "read-only"
    DROPPED = "dropped"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class HostMount:
    """A directory or a file of this machine in the tree.

    Attributes:
        source: Absolute, resolved, there. It is never changed, but with KEPT.
        target: Absolute in the tree; its links are followed inside the tree.
    """

    source: Path
    target: str
    access: Access


@dataclass(frozen=True, slots=True)
class EmptyMount:
    """An empty directory (1777) that vanishes with the RUN; size_bytes is None for no limit."""

    target: str
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class FileMount:
    """Bytes that are a file in the tree while a RUN lasts, and nowhere afterwards."""

    target: str
    data: bytes = field(repr=False)
    mode: int = 0o400
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True)
class SocketMount:
    """A Unix socket of this machine that a user of the tree may talk to."""

    source: Path
    target: str
    mode: int = 0o600
    uid: int = 0
    gid: int = 0


Mount = HostMount | EmptyMount | FileMount | SocketMount


@dataclass(frozen=True, slots=True)
class Limit:
    """A resource limit by docker's name (``nofile``); -1 is without limit."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What is around every RUN of a build.

    Attributes:
        hosts: More lines of ``/etc/hosts``: name and address.
        hostname: Empty is the place's own.
        shm_bytes: The size of ``/dev/shm``; None is the place's own.
        limits: Each at most once.
    """

    hosts: tuple[tuple[str, str], ...] = ()
    hostname: str = ""
    shm_bytes: int | None = None
    limits: tuple[Limit, ...] = ()


PLAIN_SANDBOX = Sandbox()


@dataclass(frozen=True, slots=True)
class Process:
    """A command to run in a tree; everything about it is already resolved.

    Attributes:
        argv: The program is looked up in env's PATH, inside the tree.
        env: The whole environment, HOME included.
        cwd: A directory inside the tree that exists.
        groups: Supplementary groups.
        host_directory: A directory of this machine that is the working directory instead of cwd,
            writable for the command, at the same path; None for a RUN.
        mounts: Made in this order; nothing of them, nor of the directories made for them, is among
            the candidates afterwards.
        network: ``default`` and ``host`` are this process's own, ``none`` is a loopback alone.
    """

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = field(repr=False)
    cwd: str = "/"
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    host_directory: Path | None = None
    mounts: tuple[Mount, ...] = ()
    network: str = "default"
    sandbox: Sandbox = PLAIN_SANDBOX
