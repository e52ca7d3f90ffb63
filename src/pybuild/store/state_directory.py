"""The state directory itself: can it be written at all?"""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

from pybuild.archive.disk import state_error
from pybuild.errors import StateError

_ELSEWHERE = "choose a directory that can be written, with --state-dir"
_HINTS = {
    errno.EEXIST: "choose a directory with --state-dir",
    errno.ENOTDIR: "choose a directory with --state-dir",
    errno.EROFS: f"mount a volume there, or {_ELSEWHERE}",
}


def require_writable(state_dir: Path) -> None:
    """Make the state directory where it is missing, and try to write to it; leaves nothing in it.

    Raises:
        StateError: It cannot be made or written.
    """
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=state_dir):
            pass
    except OSError as error:
        raise _refused(state_dir, error) from error


def _refused(state_dir: Path, error: OSError) -> StateError:
    what = f"the state directory {state_dir} cannot be written"
    number = error.errno or 0
    if number == errno.EEXIST:
        return StateError(f"{what}: it is not a directory", hint=_HINTS[number])
    found = state_error(error, what)
    return StateError(found.message, hint=_HINTS.get(number) or found.hint or _ELSEWHERE)
