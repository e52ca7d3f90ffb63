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


class RunSpec(NamedTuple):
    """A command and what is around it.

    Attributes:
        ids: User, group and supplementary groups; None keeps the starter's own.
        root: A mount that becomes the root; empty is the root as it is.
        binds: Pairs of a source and a target below ``root``: the target is absolute, there already
            and without a symbolic link in it; the source is an absolute path of this machine, or
            ``proc``, ``sys`` or ``dev``.
        own_processes: With a root: see and signal nobody but itself (a PID namespace).
        domain: Enter a Landlock domain where the kernel has them.
        no_new_privs: Programs with set-id bits or file capabilities give nothing.
        capabilities: The most it may have; None is what the starter has.
    """

    argv: list[str]
    env: list[list[str]]
    cwd: str
    ids: tuple[int, int, list[int]] | None = None
    root: str = ""
    binds: list[list[str]] = []  # noqa: RUF012 - a NamedTuple's default, never changed
    own_processes: bool = False
    domain: bool = False
    no_new_privs: bool = False
    capabilities: int | None = None


class Reply(NamedTuple):
    """How a RUN ended.

    Attributes:
        status: 128 + n where signal n ended it.
        failure: Why the command could not be started; empty where it was.
        notes: What is not as it could be, for those who debug.
    """

    status: int
    failure: str = ""
    notes: list[str] = []  # noqa: RUF012 - a NamedTuple's default, never changed


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
