"""Trees to run in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from pybuild.imagepath import ImagePath
from pybuild.ports.process import Process
from pybuild.tree.entry import Candidate

Prove = Callable[[Iterator[Candidate]], bool]
"""Whether a tree that has these names, and no others, is as it must be."""


class StageTree(Protocol):
    """The tree of one stage; starts empty; used by one thread at a time."""

    @property
    def damaged(self) -> bool:
        """Whether another tree's RUN changed this one: ``start_over`` before it is used again.

        Looked at after any RUN; until then ``directory``, ``layer`` and ``run`` raise
        IntegrityError.
        """

    def start_over(self) -> None:
        """Be an empty, undamaged tree again, to be filled as before."""

    def directory(self) -> Path:
        """Where the tree can be read now; holds until the next ``layer`` or ``run``."""

    def layer(self, prove: Prove | None = None) -> AbstractContextManager[Path]:
        """A directory that holds the tree; what is written in the block belongs to the tree.

        Args:
            prove: Given it, RUNs of other trees may go on meanwhile. Where they could reach the
                tree, prove is asked at the end, with every name that is there, whether it is as
                it must be; if not, or if the block fails with an OSError or a PybuildError, the
                tree is damaged.
        """

    def reading(self) -> AbstractContextManager[Path]:
        """A directory that holds the tree, to be read in the block.

        Raises:
            TreeChanged: At the end of the block: another tree's RUN changed the tree, and what
                was read is worth nothing.
        """

    def run(self, process: Process, on_line: Callable[[str], None]) -> int:
        """Run a command with the tree as its root and end what it leaves behind.

        Args:
            process: What to run.
            on_line: Gets each line of output (stdout and stderr merged, undecodable bytes
                replaced, without its line end) as it comes.

        Returns:
            The exit status; 128 + n where signal n ended it; 127 where the program is not there.

        Raises:
            HostUnsupported: This place cannot run the command (a foreign mount in its way, …).
            IntegrityError: The command changed the builder's own files.
        """

    def candidates(self) -> Iterator[Candidate]:
        """Every name that the last run may have changed, and possibly more, in any order."""

    def close(self) -> None:
        """The tree is not needed any more."""


class Rootfs(Protocol):
    """A way to have trees to run in; opened before any thread exists; a context manager."""

    @property
    def name(self) -> str:
        """As on the command line: ``overlay`` or ``inplace``."""

    @property
    def overlaps(self) -> bool:
        """Whether RUNs of two trees may go on at the same time; else they take turns inside."""

    def stage(self, name: str) -> StageTree:
        """A new, empty tree; name is unique within the build and made of ``[a-z0-9._-]``."""

    def blocked(self, path: ImagePath) -> str:
        """What of this machine lies at or above a path of every tree, as ``/data``, or empty.

        A stage with a RUN cannot have its WORKDIR, a COPY destination, a VOLUME or a mount there.
        """

    def refusal(self, process: Process) -> str:
        """Why a command cannot be run as asked (``no network namespace here``), or empty.

        Asked before anything runs; mounts' sources need not be there yet.
        """

    def run_on_host(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: Path,
        on_line: Callable[[str], None],
    ) -> int:
        """Run a command of this machine (the hook), and end what it leaves behind."""

    def stop(self) -> None:
        """End every RUN that is on, from another thread than theirs, and refuse later ones.

        Those RUNs end with StepFailed. For a build that has failed or was told to end; ``close``
        follows when their threads have seen it.
        """

    def close(self) -> None:
        """End the starter, restore the root; idempotent."""
