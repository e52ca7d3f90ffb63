"""What a RUN may do to processes outside itself: capabilities, no_new_privs, a Landlock domain."""

from __future__ import annotations

import contextlib
import os

from pybuild.rootfs.run import syscalls

_ABI_WITH_REFER, _ABI_WITH_SCOPES = 2, 6


def enter_domain() -> str:
    """Close ``/proc/PID/{environ,mem,…}``, ptrace and, from ABI 6 on, signals to the outside.

    Every file operation stays allowed: the domain handles one right only and grants it for the
    whole tree. That right is REFER, since a domain that does not handle it forbids rename and
    link across directories.

    Returns:
        What is missing, or empty.
    """
    try:
        abi = syscalls.landlock_abi()
        if abi < _ABI_WITH_REFER:
            return f"no Landlock domain: the kernel's ABI {abi} would forbid moving files"
        scoped = syscalls.LANDLOCK_SCOPE_SIGNAL if abi >= _ABI_WITH_SCOPES else 0
        _restrict(scoped)
    except OSError as error:
        return f"no Landlock domain: {error.filename}: {error.strerror}"
    if not scoped:
        return f"Landlock ABI {abi} cannot keep signals inside the RUN"
    return ""


def signals_stay_inside() -> bool:
    """Whether a domain keeps a RUN's signals in it."""
    try:
        return syscalls.landlock_abi() >= _ABI_WITH_SCOPES
    except OSError:
        return False


def _restrict(scoped: int) -> None:
    ruleset = syscalls.landlock_create_ruleset(syscalls.LANDLOCK_ACCESS_FS_REFER, scoped)
    try:
        root = os.open("/", os.O_PATH | os.O_CLOEXEC)
        try:
            syscalls.landlock_add_path(ruleset, syscalls.LANDLOCK_ACCESS_FS_REFER, root)
        finally:
            os.close(root)
        syscalls.landlock_restrict_self(ruleset)
    finally:
        os.close(ruleset)


def limit_capabilities(mask: int | None) -> None:
    """Have none outside mask and hand none down: inheritable ones were CVE-2022-27651."""
    if mask is not None:
        for capability in range(64):
            if not mask >> capability & 1:
                # EINVAL: the kernel does not know so many. EPERM: no SETPCAP; capset still holds
                # until a program with file capabilities is executed.
                with contextlib.suppress(OSError):
                    syscalls.prctl(syscalls.PR_CAPBSET_DROP, capability)
    permitted = syscalls.permitted_capabilities()
    syscalls.set_capabilities(permitted if mask is None else permitted & mask)
