"""Whether this place can give the limits that a RUN asks for."""

from __future__ import annotations

import resource
from collections.abc import Iterable
from pathlib import Path

from pybuild.ports import Limit
from pybuild.rootfs.run import syscalls
from pybuild.rootfs.run.limits import INFINITY, NUMBERS

_CAP_SYS_RESOURCE = 24  # linux/capability.h
_MOST_FILES = Path("/proc/sys/fs/nr_open")  # holds for root too (getrlimit(2), RLIMIT_NOFILE)


def may_raise(*, in_user_namespace: bool) -> bool:
    """Whether this process may raise a hard limit; capabilities in a namespace do not count."""
    return not in_user_namespace and bool(
        syscalls.permitted_capabilities() >> _CAP_SYS_RESOURCE & 1
    )


def refusal(limits: Iterable[Limit], *, privileged: bool) -> str:
    """Why a limit cannot be had, or empty.

    Args:
        limits: What is asked for.
        privileged: As ``may_raise`` says.
    """
    for limit in limits:
        if limit.name not in NUMBERS:
            return f"there is no limit {limit.name!r}"
        most = _most(limit.name, privileged=privileged)
        if _above(limit.hard, most) or _above(limit.soft, most):
            return (
                f"the limit {limit.name}={limit.soft}:{limit.hard} is more than the {most} that"
                " this process may give"
            )
    return ""


def _most(name: str, *, privileged: bool) -> int:
    if not privileged:
        return resource.getrlimit(NUMBERS[name])[1]
    return int(_MOST_FILES.read_text(encoding="ascii")) if name == "nofile" else INFINITY


def _above(asked: int, most: int) -> bool:
    return most != INFINITY and (asked == INFINITY or asked > most)
