"""Where contexts and remote files come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RemoteSource:
    """A source of ADD that is not on this machine.

    Attributes:
        url: Http or git, expanded, as written.
        checksum: ``--checksum``: ``sha256:…`` of a file, or (the beginning of) a commit.
        keep_git_dir: Whether a git tree comes with its ``.git``.
    """

    url: str
    checksum: str = ""
    keep_git_dir: bool = False


@dataclass(frozen=True, slots=True)
class FetchedRemote:
    """A remote source on this machine.

    Attributes:
        directory: Holds the file, or is the root of the git tree.
        name: The file's name; empty where the tree's contents are meant.
    """

    directory: Path
    name: str


class Remotes(Protocol):
    """Fetches remote sources; safe to use from many threads."""

    def identify(self, remote: RemoteSource) -> bytes:
        """What its bytes are, for a step's key: a digest or a commit.

        Raises:
            ContextError: It cannot be had, or is not what its checksum says.
        """

    def fetch(self, remote: RemoteSource) -> FetchedRemote:
        """Bring it to this machine as it was identified; asked again, give the same.

        Raises:
            ContextError: As identify.
        """


@dataclass(frozen=True, slots=True)
class FetchedContext:
    """A build context on this machine.

    Attributes:
        directory: Its root; absolute and resolved.
        owned: Whether it is a private copy (fetched or unpacked), not the user's directory.
        commit: The git commit it came from, or empty.
        commit_time_s: That commit's committer time, or None.
        dockerfile: A Dockerfile that came apart from the files, or instead of them; or None.
    """

    directory: Path
    owned: bool
    commit: str = ""
    commit_time_s: int | None = None
    dockerfile: Path | None = None


class ContextSource(Protocol):
    """A place a context comes from."""

    def fetch(self, into: Path) -> FetchedContext:
        """Bring the context to this machine; into is an empty directory for it.

        Raises:
            ContextError: It cannot be had.
        """
