# ruff: noqa: PTH123, PTH208 - pathlib would double the starter's start-up time
"""Find and end the descendants of this process, which is a subreaper."""

from __future__ import annotations

import contextlib
import os
import signal
import time

_PATIENCE_S = 30.0  # SIGKILL ends everything that is not stuck in the kernel
_LONGEST_PAUSE_S = 0.02


def reap() -> dict[int, int] | None:
    """Wait for every child that has ended, without blocking.

    Returns:
        Their statuses as a shell counts them, 128 + n for signal n, by process id; None where
        there is no child at all, ended or not.
    """
    ended: dict[int, int] = {}
    while True:
        try:
            pid, wait_status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended or None
        if not pid:
            return ended
        code = os.waitstatus_to_exitcode(wait_status)
        ended[pid] = code if code >= 0 else 128 - code


def kill_descendants(spare: frozenset[int] = frozenset()) -> list[int]:
    """Kill until no child is left; those who fork while we look are met in the next round.

    A subreaper without a child has no descendant either: whoever loses its parent becomes ours.

    Args:
        spare: Children that live on, with all that is below them.

    Returns:
        Those who could not be ended; empty but for processes stuck in the kernel.
    """
    deadline_s = time.monotonic() + _PATIENCE_S
    pause_s = 0.0005
    while True:
        if reap() is None:
            return []
        left = descendants(spare)
        if not left or time.monotonic() > deadline_s:
            return left
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


def kill_namespace() -> list[int]:
    """The same for the first process of a PID namespace, whose descendants are all others in it."""
    deadline_s = time.monotonic() + _PATIENCE_S
    pause_s = 0.0005
    while reap() is not None:
        if time.monotonic() > deadline_s:
            return [-1]
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
    return []


def descendants(spare: frozenset[int] = frozenset()) -> list[int]:
    """Everything below this process, without those in spare and what is below them."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (parent := _parent(name)) is not None:
            children.setdefault(parent, []).append(int(name))

    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        below = [pid for pid in children.get(waiting.pop(), ()) if pid not in spare]
        found += below
        waiting += below
    return found


def _parent(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # proc(5): pid (comm) state ppid …; the name may hold parentheses and spaces.
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError):
        return None  # it has just ended
