# ruff: noqa: PTH113 - pathlib would double the starter's start-up time
"""Between fork and exec: turn a copy of the keeper into the command."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
from typing import NamedTuple, NoReturn

from pybuild.rootfs.run import confine, limits, root, syscalls
from pybuild.rootfs.run.protocol import RunSpec

NOT_FOUND, NOT_EXECUTABLE = 127, 126  # POSIX shell command language, 2.8.2
_UMASK = 0o022
# What a container runtime gives where an image sets none.
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Launched(NamedTuple):
    """A command that was started, or not.

    Attributes:
        pid: Of the process that became the command, or has ended.
        failure: Why it did not; empty where it did.
        notes: What is not as it could be.
        made: Paths in the tree that were made to mount something there.
    """

    pid: int
    failure: str
    notes: list[str]
    made: list[str]


def launch(spec: RunSpec, output: int) -> Launched:
    """Fork and exec."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reader)
        _become(spec, output, writer)

    os.close(writer)
    said: dict[str, list[str]] = {"failure": [], "note": [], "made": []}
    with os.fdopen(reader, "rb") as file:  # ends when exec closes the other side
        for line in file:
            kind, text = json.loads(line)
            said[kind].append(text)
    return Launched(pid, "; ".join(said["failure"]), said["note"], said["made"])


def _become(spec: RunSpec, output: int, report: int) -> NoReturn:
    status = NOT_EXECUTABLE
    try:
        _arrange(spec, output, report)
        status, line = _execute(spec)
        os.write(2, f"{line}\n".encode(errors="surrogateescape"))
    except OSError as error:
        _say(report, "failure", f"{error.filename or 'set-up'}: {error.strerror}")
    except BaseException as error:  # noqa: BLE001 - nothing may unwind into the keeper's frames
        _say(report, "failure", repr(error))
    finally:
        os._exit(status)


def _arrange(spec: RunSpec, output: int, report: int) -> None:
    _reset_signals()
    os.setsid()
    os.umask(_UMASK)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)

    if spec.root:
        root.enter(spec, lambda path: _say(report, "made", path))
    if spec.no_new_privs:
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    if spec.domain and (note := confine.enter_domain()):
        _say(report, "note", note)

    # No directory is open here that ``WORKDIR /proc/self/fd/N`` could reach (CVE-2024-21626).
    try:
        os.chdir(spec.cwd)
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"working directory {spec.cwd}") from None
    for limit in spec.limits:
        limits.apply(*limit)
    if spec.ids is not None:
        user, group, groups = spec.ids
        confine.limit_capabilities(spec.capabilities)
        _set_groups(groups, report)
        os.setgid(group)
        os.setuid(user)


def _set_groups(groups: list[int], report: int) -> None:
    try:
        os.setgroups(groups)
    except PermissionError:
        # A user namespace of a single id has no say over groups (user_namespaces(7)).
        if groups:
            _say(report, "note", f"supplementary groups {groups} cannot be had here")


def _reset_signals() -> None:
    """Python ignores SIGPIPE and SIGXFSZ, and the starter more; an ignored signal survives exec."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _execute(spec: RunSpec) -> tuple[int, str]:
    """Execute; comes back only with what went wrong."""
    env = dict(spec.env)
    program = spec.argv[0] if spec.argv else ""
    refused: OSError | None = None
    for path in _places(program, env.get("PATH", _DEFAULT_PATH)):
        try:
            os.execve(path, spec.argv, env)  # noqa: S606 - no shell is what is wanted
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR}:
                if os.path.isfile(path):
                    return NOT_FOUND, f"{path}: its interpreter or loader is not in the image"
            elif refused is None or refused.errno == errno.EACCES:
                refused = OSError(error.errno, error.strerror, path)

    if refused:
        return NOT_EXECUTABLE, f"{refused.filename}: {refused.strerror}"
    if "/" in program:
        return NOT_FOUND, f"{program}: no such file in the image"
    return NOT_FOUND, f"{program}: not found in PATH of the image"


def _places(program: str, path: str) -> list[str]:
    if not program:
        return []
    if "/" in program:
        return [program]
    return [f"{directory or '.'}/{program}" for directory in path.split(":")]


def _say(report: int, kind: str, text: str) -> None:
    os.write(report, json.dumps([kind, text]).encode() + b"\n")
