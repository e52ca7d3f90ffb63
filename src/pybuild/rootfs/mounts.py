"""What is mounted where: ``/proc/self/mountinfo`` (proc_pid_mountinfo(5))."""

from __future__ import annotations

import re
from pathlib import Path

_OCTAL = re.compile(rb"\\([0-7]{3})")


def parse_mountinfo(text: bytes) -> dict[int, bytes]:
    r"""Mount points by mount id; space, tab, newline and backslash stand there as ``\ooo``."""
    points: dict[int, bytes] = {}
    for line in text.splitlines():
        fields = line.split(b" ")
        points[int(fields[0])] = _OCTAL.sub(lambda m: bytes([int(m[1], 8)]), fields[4])
    return points


def mount_points() -> dict[int, bytes]:
    """Mount points of this process, by mount id, as absolute paths."""
    return parse_mountinfo(Path("/proc/self/mountinfo").read_bytes())
