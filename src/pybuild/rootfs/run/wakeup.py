"""Wait for a child's end and for words on a socket at the same time."""

from __future__ import annotations

import os
import select
import signal
import socket
from types import FrameType


class Wakeup:
    """Turns SIGCHLD into something to poll (a self-pipe); pidfd_open is not allowed everywhere."""

    def __init__(self, channel: socket.socket) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._channel = channel
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)
        self._poll.register(self._reader, select.POLLIN)
        signal.signal(signal.SIGCHLD, _wake)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def wait(self) -> bool:
        """Wait for any of the two.

        Returns:
            Whether the socket has something, or has ended.
        """
        ready = {descriptor for descriptor, _ in self._poll.poll()}
        if self._reader in ready:
            os.read(self._reader, 4096)
        return self._channel.fileno() in ready


def _wake(_number: int, _frame: FrameType | None) -> None:
    """A handler in Python must be there for the wakeup descriptor to be written."""
