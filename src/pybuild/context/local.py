"""A directory of this machine as the context, used in place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pybuild.context.inside import directory_below
from pybuild.errors import ContextError
from pybuild.ports import FetchedContext


@dataclass(frozen=True, slots=True)
class LocalDirectory:
    """The user's own directory; never copied, never changed by us."""

    path: Path
    sub_path: str = ""

    def fetch(self, into: Path) -> FetchedContext:  # noqa: ARG002 - nothing is copied
        """Find the directory.

        Raises:
            ContextError: There is no such directory.
        """
        try:
            root = self.path.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise ContextError(
                f"the context {self.path} does not exist",
                hint="give a directory, a tar file, or a git, s3 or tar:// address",
            ) from error
        if not root.is_dir():
            raise ContextError(f"the context {self.path} is not a directory")
        return FetchedContext(directory=directory_below(root, self.sub_path), owned=False)
