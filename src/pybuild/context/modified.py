"""The time of a fetched tree: that of what it is made from, not that of the fetching."""

from __future__ import annotations

import os
from pathlib import Path

from pybuild.archive.disk import disk_errors


def set_times(root: Path, seconds: int) -> None:
    """Set the time of everything at and below a directory; links are not followed.

    Raises:
        StateError: The disk refuses.
    """
    with disk_errors(f"cannot set times in {root}"):
        for place, directories, files in os.walk(root):
            for name in (*directories, *files):
                path = os.path.join(place, name)  # noqa: PTH118 - a walk gives texts
                os.utime(path, (seconds, seconds), follow_symlinks=False)
        os.utime(root, (seconds, seconds))
