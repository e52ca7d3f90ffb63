"""The mode of a file that is made under another name first: the one that ``open`` would give it."""

from __future__ import annotations

import re
from pathlib import Path

_UMASK = re.compile(r"^Umask:\s*([0-7]+)$", re.MULTILINE)  # proc_pid_status(5), since Linux 4.7
_STATUS = Path("/proc/self/status")
_USUAL = 0o022


def file_mode() -> int:
    """0666 without the bits of the umask, which makes directories beside it private as well.

    Read, not asked for with ``os.umask``: that sets it too, and other threads make files.
    """
    try:
        found = _UMASK.search(_STATUS.read_text(encoding="ascii", errors="replace"))
    except OSError:
        found = None
    return 0o666 & ~(int(found[1], 8) if found else _USUAL)
