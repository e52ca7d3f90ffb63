"""What builder and starter say to each other: JSON in frames of a Unix socket, with descriptors.

::

    control socket   builder → starter   RunSpec, with a channel for the RUN and its output
                     starter → builder   {"ready": true}, once
    a RUN's channel  keeper  → builder   Reply, once, when nothing of the RUN is left
                     builder → keeper    nothing; the end of the stream means: kill it

A frame is four bytes of length, most significant first, and as many bytes of JSON. Bytes of
argv, environment and paths that are not UTF-8 travel as surrogate escapes (PEP 383).
"""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any, NamedTuple

_LENGTH = struct.Struct("!I")
_MAX_FDS = 2


class Mount(NamedTuple):
    """Something that appears in a tree; ``mounts`` makes it.

    Attributes:
        kind: ``proc``, ``sys`` or ``dev`` of the kernel; ``bind`` of this machine; ``tmpfs``;
            ``file`` of bytes that are on no disk.
        target: Absolute in the tree; its links are followed inside the tree, and what is missing
            is made.
        source: Of a bind: an absolute path of this machine, without links.
        read_only: Of a bind: nothing is written through it.
        size_bytes: Of ``tmpfs``, and of ``/dev/shm`` in ``dev``; 0 is no limit of ours.
        data: Of a file, in base64.
        mode: Of a file, like owner.
        owner: User and group.
    """

    kind: str
    target: str
    source: str = ""
    read_only: bool = False
    size_bytes: int = 0
    data: str = ""
    mode: int = 0
    owner: tuple[int, int] = (0, 0)


class RunSpec(NamedTuple):
    """A command and what is around it.

    Attributes:
        ids: User, group and supplementary groups; None keeps the starter's own.
        limits: Resource limits by docker's names, each with its soft and its hard value; -1 is
            without limit.
        root: A mount that becomes the root; empty is the root as it is.
        mounts: With a root: what appears in it, in the order of mounting.
        scratch: With a root: an empty directory of this machine, under which files of ``mounts``
            are hidden in memory.
        hostname: With a root: its own name for the machine; empty is the machine's.
        own_network: With a root: a loopback device alone.
        own_processes: With a root: see and signal nobody but itself (a PID namespace).
        domain: Enter a Landlock domain where the kernel has them.
        no_new_privs: Programs with set-id bits or file capabilities give nothing.
        capabilities: The most it may have; None is what the starter has.
    """

    argv: list[str]
    env: list[list[str]]
    cwd: str
    ids: tuple[int, int, list[int]] | None = None
    limits: tuple[tuple[str, int, int], ...] = ()
    root: str = ""
    mounts: tuple[Mount, ...] = ()
    scratch: str = ""
    hostname: str = ""
    own_network: bool = False
    own_processes: bool = False
    domain: bool = False
    no_new_privs: bool = False
    capabilities: int | None = None

    @classmethod
    def parse(cls, message: dict[str, Any]) -> RunSpec:
        """Read what ``_asdict`` became on its way through JSON."""
        mounts = tuple(Mount(*mount) for mount in message["mounts"])
        return cls(**{**message, "mounts": mounts})


class Reply(NamedTuple):
    """How a RUN ended.

    Attributes:
        status: 128 + n where signal n ended it.
        failure: Why the command could not be started; empty where it was.
        notes: What is not as it could be, for those who debug.
        made: Paths in the tree that were made to mount something there, in this order.
    """

    status: int
    failure: str = ""
    notes: list[str] = []  # noqa: RUF012 - a NamedTuple's default, never changed
    made: list[str] = []  # noqa: RUF012 - as above


def send(channel: socket.socket, message: object, descriptors: tuple[int, ...] = ()) -> None:
    """Send one frame; the receiver gets duplicates of the descriptors."""
    body = json.dumps(message).encode()
    socket.send_fds(channel, [_LENGTH.pack(len(body))], descriptors)
    channel.sendall(body)


def receive(channel: socket.socket) -> tuple[Any, list[int]] | None:
    """Wait for one frame; None where the other side is gone. The descriptors close on exec."""
    try:
        head, descriptors, _, _ = socket.recv_fds(channel, _LENGTH.size, _MAX_FDS)
    except ConnectionResetError:
        return None  # it went without reading all that we had said
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)

    head += _receive_exactly(channel, _LENGTH.size - len(head)) if head else b""
    if len(head) < _LENGTH.size:
        return None
    size_bytes = _LENGTH.unpack(head)[0]
    body = _receive_exactly(channel, size_bytes)
    if len(body) < size_bytes:
        return None
    return json.loads(body), descriptors


def _receive_exactly(channel: socket.socket, size_bytes: int) -> bytes:
    """That many bytes, or fewer at the end of the stream."""
    body = bytearray()
    while len(body) < size_bytes:
        chunk = channel.recv(min(size_bytes - len(body), 1 << 16))
        if not chunk:
            break
        body += chunk
    return bytes(body)
