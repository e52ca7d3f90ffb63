"""Resource limits by docker's names."""

from __future__ import annotations

import errno
import resource

# moby, go-units ulimit.go; asm-generic/resource.h, which x86 and arm use. Python has no name for
# the tenth.
NUMBERS = {
    "core": resource.RLIMIT_CORE,
    "cpu": resource.RLIMIT_CPU,
    "data": resource.RLIMIT_DATA,
    "fsize": resource.RLIMIT_FSIZE,
    "locks": 10,
    "memlock": resource.RLIMIT_MEMLOCK,
    "msgqueue": resource.RLIMIT_MSGQUEUE,
    "nice": resource.RLIMIT_NICE,
    "nofile": resource.RLIMIT_NOFILE,
    "nproc": resource.RLIMIT_NPROC,
    "rss": resource.RLIMIT_RSS,
    "rtprio": resource.RLIMIT_RTPRIO,
    "rttime": resource.RLIMIT_RTTIME,
    "sigpending": resource.RLIMIT_SIGPENDING,
    "stack": resource.RLIMIT_STACK,
}
INFINITY = resource.RLIM_INFINITY  # -1, as on the command line


def apply(name: str, soft: int, hard: int) -> None:
    """Limit this process and what it becomes.

    Raises:
        OSError: The kernel refuses it, or there is no such limit.
    """
    what = f"limit {name}={soft}:{hard}"
    if name not in NUMBERS:
        raise OSError(errno.EINVAL, "there is no such limit", what)
    try:
        resource.setrlimit(NUMBERS[name], (soft, hard))
    except ValueError as error:  # also for EPERM: "not allowed to raise maximum limit"
        raise OSError(errno.EPERM, str(error), what) from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, what) from None
