"""System calls that Python has no function for; each raises OSError with errno and what it was on.

Names are the kernel's. Only functions that every libc exports, or ``syscall`` with a number of
the table below, are used: neither glibc nor x86_64 is assumed.
"""

from __future__ import annotations

import ctypes
import os
import struct

CLONE_NEWNS, CLONE_NEWIPC = 0x00020000, 0x08000000  # linux/sched.h
CLONE_NEWUSER, CLONE_NEWPID = 0x10000000, 0x20000000
CLONE_NEWUTS, CLONE_NEWNET = 0x04000000, 0x40000000

MS_NOSUID, MS_NODEV, MS_NOEXEC = 0x2, 0x4, 0x8  # linux/mount.h
MS_RDONLY, MS_BIND, MS_MOVE, MS_REC = 0x1, 0x1000, 0x2000, 0x4000
MS_REMOUNT, MS_NOATIME, MS_NODIRATIME, MS_RELATIME = 0x20, 0x400, 0x800, 1 << 21
MS_PRIVATE, MS_SLAVE = 1 << 18, 1 << 19
MNT_DETACH = 2
MOUNT_ATTR_RDONLY = 0x1

PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER = 4, 24, 36  # linux/prctl.h
PR_SET_NO_NEW_PRIVS = 38

LANDLOCK_CREATE_RULESET_VERSION = 1  # linux/landlock.h
LANDLOCK_RULE_PATH_BENEATH = 1
LANDLOCK_ACCESS_FS_REFER = 1 << 13
LANDLOCK_SCOPE_SIGNAL = 1 << 1

_CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h

# asm/unistd_64.h of x86, asm-generic/unistd.h; from 424 on every architecture has the same.
_NUMBERS = {
    "x86_64": {"pivot_root": 155, "capget": 125, "capset": 126},
    "aarch64": {"pivot_root": 41, "capget": 90, "capset": 91},
}
_MOUNT_SETATTR = 442
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000  # linux/fcntl.h

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def _syscall(number: int, what: str, *args: bytes | int | ctypes.Array[ctypes.c_char]) -> int:
    words = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    return _check(_libc.syscall(ctypes.c_long(number), *words), what)


def _number(name: str) -> int:
    machine = os.uname().machine
    if machine not in _NUMBERS:
        raise OSError(38, f"system call number not known on {machine}", name)  # ENOSYS
    return _NUMBERS[machine][name]


def prctl(option: int, argument: int) -> None:
    """Set an attribute of this process."""
    zero = ctypes.c_ulong(0)
    result = _libc.prctl(ctypes.c_int(option), ctypes.c_ulong(argument), zero, zero, zero)
    _check(result, f"prctl {option}")


def unshare(flags: int) -> None:
    """Give this thread namespaces of its own."""
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount, bind, move or change propagation, as ``mount(2)`` reads its flags."""
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        os.fsencode(options) or None,
    )
    _check(result, f"mount {kind or source} on {target}")


def make_read_only(target: str) -> None:
    """Let nothing be written through a mount and those below it; needs Linux 5.12."""
    attributes = struct.pack("=4Q", MOUNT_ATTR_RDONLY, 0, 0, 0)  # struct mount_attr
    what = f"mount_setattr {target}"
    _syscall(
        _MOUNT_SETATTR, what, _AT_FDCWD, os.fsencode(target), _AT_RECURSIVE, attributes,
        len(attributes),
    )  # fmt: skip


def umount(target: str, flags: int = 0) -> None:
    """Unmount what lies on top at target."""
    _check(_libc.umount2(os.fsencode(target), ctypes.c_int(flags)), f"umount {target}")


def pivot_root(new_root: str, put_old: str) -> None:
    """Make new_root, which is a mount, the root of this namespace."""
    _syscall(_number("pivot_root"), "pivot_root", os.fsencode(new_root), os.fsencode(put_old))


def landlock_abi() -> int:
    """The version of Landlock that the kernel has.

    Raises:
        OSError: It has none, it is off, or a filter forbids it.
    """
    number = _LANDLOCK_CREATE_RULESET
    return _syscall(number, "landlock_create_ruleset", 0, 0, LANDLOCK_CREATE_RULESET_VERSION)


def landlock_create_ruleset(handled_fs: int, scoped: int) -> int:
    """A new ruleset's descriptor; scoped must be 0 before ABI 6."""
    attributes = struct.pack("=QQQ", handled_fs, 0, scoped)
    # A kernel that does not know a trailing field accepts it as long as it is zero.
    number = _LANDLOCK_CREATE_RULESET
    return _syscall(number, "landlock_create_ruleset", attributes, len(attributes), 0)


def landlock_add_path(ruleset: int, access_fs: int, directory: int) -> None:
    """Allow access at and below an open directory."""
    rule = struct.pack("=Qi", access_fs, directory)
    number = _LANDLOCK_ADD_RULE
    _syscall(number, "landlock_add_rule", ruleset, LANDLOCK_RULE_PATH_BENEATH, rule, 0)


def landlock_restrict_self(ruleset: int) -> None:
    """Enter the domain; needs no_new_privs or CAP_SYS_ADMIN."""
    _syscall(_LANDLOCK_RESTRICT_SELF, "landlock_restrict_self", ruleset, 0)


def permitted_capabilities() -> int:
    """The permitted set as a bit mask."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    data = ctypes.create_string_buffer(24)
    _syscall(_number("capget"), "capget", header, data)
    _, low, _, _, high, _ = struct.unpack("=6I", data.raw)
    return int(high << 32 | low)


def set_capabilities(mask: int) -> None:
    """Have exactly these, permitted and effective, and let a new program inherit none."""
    low, high = mask & 0xFFFFFFFF, mask >> 32
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    data = struct.pack("=6I", low, low, 0, high, high, 0)
    _syscall(_number("capset"), "capset", header, data)
