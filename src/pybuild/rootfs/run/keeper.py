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
_NOT_STARTED = 126  # POSIX shell command language, 2.8.2


def keep(spec: protocol.RunSpec, channel: socket.socket, output: int) -> None:
    """Run a command to its end; what is said on channel, or its end, kills it."""
    if not spec.own_processes:
        syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
        _keep(spec, channel, output)
        return

    # The first process of a PID namespace gets no signal from inside that it does not handle, and
    # takes all others with it. It is ours: as the first, a command could not even kill itself.
    try:
        syscalls.unshare(syscalls.CLONE_NEWPID)
    except OSError as error:
        failure = f"a PID namespace: {error.strerror}"
        protocol.send(channel, protocol.Reply(_NOT_STARTED, failure)._asdict())
        return
    first = os.fork()
    if not first:
        _keep(spec, channel, output)
        return
    channel.close()
    os.close(output)
    os.waitpid(first, 0)


def _keep(spec: protocol.RunSpec, channel: socket.socket, output: int) -> None:
    wakeup = Wakeup(channel)
    command, failure, notes, made = launch(spec, output)
    os.close(output)

    status = _wait(command, wakeup)
    stuck = processes.kill_namespace() if spec.own_processes else processes.kill_descendants()
    if stuck:
        failure = failure or f"processes {stuck} cannot be ended"
    protocol.send(channel, protocol.Reply(status, failure, notes, made)._asdict())


def _wait(command: int, wakeup: Wakeup) -> int:
    while True:
        ended = processes.reap() or {}
        if command in ended:
            return ended[command]
        if wakeup.wait():
            return _KILLED
