"""``python -I -S -c … CONTROL-FD [hide]``: wait for RUNs, fork a keeper for each."""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Any

from pybuild.rootfs.run import processes, protocol, syscalls
from pybuild.rootfs.run.keeper import keep
from pybuild.rootfs.run.wakeup import Wakeup


def main(arguments: list[str]) -> None:
    """Serve the control socket until it ends, then end everything below this process."""
    control = socket.socket(fileno=int(arguments[0]))
    control.set_inheritable(False)
    os.umask(0o022)
    if "hide" in arguments:
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    # Who ends us is the builder, by closing its socket; a terminal's Ctrl-C must not come first.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)

    wakeup = Wakeup(control)
    try:
        protocol.send(control, {"ready": True})
    except BrokenPipeError:
        return
    _serve(control, wakeup)
    processes.kill_descendants()


def _serve(control: socket.socket, wakeup: Wakeup) -> None:
    keepers: set[int] = set()
    while True:
        spoken = wakeup.wait()
        ended = processes.reap() or {}
        if keepers & ended.keys():
            keepers -= ended.keys()
            processes.kill_descendants(frozenset(keepers))  # of a keeper that was killed
        if spoken:
            request = protocol.receive(control)
            if request is None:
                return
            keepers.add(_fork_keeper(control, *request))


def _fork_keeper(control: socket.socket, message: dict[str, Any], descriptors: list[int]) -> int:
    channel, output = descriptors
    pid = os.fork()
    if not pid:
        try:
            control.close()
            keep(protocol.RunSpec.parse(message), socket.socket(fileno=channel), output)
        except BrokenPipeError:
            pass  # the builder is gone; so is everything of the RUN
        except BaseException:  # noqa: BLE001 - must not return into the starter's loop
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(0)
    os.close(channel)
    os.close(output)
    return pid


if __name__ == "__main__":
    main(sys.argv[1:])
