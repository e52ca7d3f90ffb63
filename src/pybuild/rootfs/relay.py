# ruff: noqa: PTH101 - paths in images are bytes, which pathlib does not take
"""A Unix socket of this machine under another name, for another user.

A link to an agent's socket would not do: its mode and the directories above keep other users out,
and agents look at who connects. Here they meet the builder, as with BuildKit's forwarding.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CHUNK_BYTES = 1 << 16
_BACKLOG = 16


@contextmanager
def listening(place: bytes, source: Path, mode: int, owner: tuple[int, int]) -> Iterator[None]:
    """Have a socket at a place, which may be renamed, that leads to another one.

    Args:
        place: Not there yet.
        source: The socket that it leads to.
        mode: Who may connect.
        owner: User and group.
    """
    with socket.socket(socket.AF_UNIX) as listener:
        _bind(listener, place)
        os.chown(place, *owner)
        os.chmod(place, mode)
        listener.listen(_BACKLOG)
        thread = threading.Thread(
            target=_accept, args=(listener, source), name="relay", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept
            thread.join()


def _bind(listener: socket.socket, place: bytes) -> None:
    """Bind by way of the directory's descriptor: a name has 107 bytes at most (unix(7))."""
    directory, name = os.path.split(place)
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        listener.bind(b"/proc/self/fd/%d/%s" % (descriptor, name))
    finally:
        os.close(descriptor)


def _accept(listener: socket.socket, source: Path) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_connect, args=(client, source), name="relay", daemon=True).start()


def _connect(client: socket.socket, source: Path) -> None:
    """Carry bytes both ways until both sides have ended; whoever cannot be reached hangs up."""
    with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
        server.connect(str(source))
        partners = {client: server, server: client}
        while partners:
            ready, _, _ = select.select([*partners], [], [])
            for one in ready:
                data = one.recv(_CHUNK_BYTES)
                if data:
                    partners[one].sendall(data)
                else:
                    partners.pop(one).shutdown(socket.SHUT_WR)
