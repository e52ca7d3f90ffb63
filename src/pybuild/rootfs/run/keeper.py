"""One RUN's keeper: starts it, waits, ends what it leaves behind, says how it ended.

A process a RUN, between starter and command, so that RUNs can overlap and each sweep meets only
its own.
"""

from __future__ import annotations

import os
import socket

from pybuild.rootfs.run import processes, protocol, syscalls
from pybuild.rootfs.run.launch import launch
from pybuild.rootfs.run.wakeup import Wakeup

_KILLED = 137  # 128 + SIGKILL


def keep(spec: protocol.RunSpec, channel: socket.socket, output: int) -> None:
    """Run a command to its end; what is said on channel, or its end, kills it."""
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    wakeup = Wakeup(channel)
    command, failure, notes = launch(spec, output)
    os.close(output)

    status = _wait(command, wakeup)
    if stuck := processes.kill_descendants():
        failure = failure or f"processes {stuck} cannot be ended"
    protocol.send(channel, protocol.Reply(status, failure, notes)._asdict())


def _wait(command: int, wakeup: Wakeup) -> int:
    while True:
        ended = processes.reap() or {}
        if command in ended:
            return ended[command]
        if wakeup.wait():
            return _KILLED
