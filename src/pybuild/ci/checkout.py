"""The checkout of a job: what files of a build are called in it, and whose they are."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from pybuild.request import BuildRequest


@dataclass(frozen=True, slots=True)
class Checkout:
    """A job's workspace.

    Attributes:
        directory: Resolved, since a RUN may replace what links name.
    """

    directory: Path

    def locate(self, file: str, request: BuildRequest) -> str:
        """A file that a message names, as annotations want it: relative to the workspace.

        Messages name files of the context relative to the context, and others relative to the
        workspace.
        """
        if not request.context.startswith("/"):
            return file
        inside = Path(request.context, request.context_sub_path, file)
        if inside.is_relative_to(self.directory) and inside.is_file():
            return str(inside.relative_to(self.directory))
        return file

    def hand_over(self, paths: Iterable[Path]) -> None:
        """Give what the build has written to the workspace's owner.

        Root's files would stop later steps, which are not root, and the next checkout.

        Args:
            paths: Files and trees; those outside the workspace, or not there, are left alone.

        Raises:
            OSError: The owner cannot be changed.
        """
        written = [path for path in paths if path.is_relative_to(self.directory)]
        if not written:
            return
        owner, own = self.directory.stat(), os.geteuid()
        if owner.st_uid == own:
            return
        for path in chain.from_iterable(map(self._touched, written)):
            if path.lstat().st_uid == own:
                os.lchown(path, owner.st_uid, owner.st_gid)

    def _touched(self, path: Path) -> Iterator[Path]:
        """The path, what is below it, and directories on the way to it."""
        if not os.path.lexists(path):
            return
        yield from (each for each in (path, *path.parents) if self.directory in each.parents)
        for parent, directories, files in os.walk(path):
            yield from (Path(parent, name) for name in (*directories, *files))
