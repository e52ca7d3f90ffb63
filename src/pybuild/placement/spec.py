"""What a COPY asks for, and what can be wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pybuild.imagepath import ImagePath
from pybuild.tree.entry import Entry, Kind

_LARGEST_MODE = 0o7777
_SYMBOLIC = re.compile(r"(?:[ugoa]*(?:[-+=][rwxXstugo]*)+)(?:,[ugoa]*(?:[-+=][rwxXstugo]*)+)*")


class PlacementError(ValueError):
    """Files cannot be placed as asked; the message is the user's, without its Dockerfile line."""


class SourceMissing(LookupError):  # noqa: N818 - says what was found, like the errors of the project
    """A source without wildcards names nothing.

    Attributes:
        source: Its path from the source's root, as ``/x``.
    """

    def __init__(self, source: str) -> None:
        super().__init__(f'"{source}": not found')
        self.source = source


@dataclass(frozen=True, slots=True)
class CopySpec:
    """A COPY with everything expanded.

    Attributes:
        sources: Paths from the source's root; ``..`` never leaves it.
        destination: As written: a trailing slash or ``/.`` says that it is a directory.
        workdir: Where a relative destination starts.
        owner: Of everything placed, parents included; None is as keep_owner says.
        keep_owner: Without owner: what is copied keeps its uid and gid, as from another stage,
            where files of the context become 0:0. Parents that are made are 0:0 either way.
        chmod: Mode of everything placed but symbolic links; None keeps the source's modes.
        mtime_limit_ns: Later times become this one (SOURCE_DATE_EPOCH).
        now_ns: The time of parents that are made.
        allow_wildcards: Whether sources are patterns, as they are in a Dockerfile.
    """

    sources: tuple[bytes | str, ...]
    destination: str
    workdir: ImagePath
    now_ns: int
    owner: tuple[int, int] | None = None
    keep_owner: bool = False
    chmod: int | None = None
    mtime_limit_ns: int | None = None
    allow_wildcards: bool = True

    @property
    def target(self) -> ImagePath:
        """The destination, absolute and normalized; links in it are not followed."""
        return self.workdir.join(self.destination)

    @property
    def into_directory(self) -> bool:
        """Whether the destination is written as a directory."""
        return self.destination == "." or self.destination.endswith(("/", "/."))

    def time(self, mtime_ns: int) -> int:
        """A time with the limit applied."""
        return mtime_ns if self.mtime_limit_ns is None else min(mtime_ns, self.mtime_limit_ns)

    def owner_of(self, entry: Entry) -> tuple[int, int]:
        """Who owns the copy of an entry."""
        if self.owner is not None:
            return self.owner
        return (entry.uid, entry.gid) if self.keep_owner else (0, 0)

    def mode_of(self, entry: Entry) -> int:
        """The mode of the copy of an entry."""
        if self.chmod is None or entry.kind is Kind.SYMLINK:
            return entry.mode
        return self.chmod


def parse_chmod(text: str) -> int:
    """The value of ``--chmod``: octal, between 0 and 07777.

    Raises:
        PlacementError: It is something else; symbolic modes are not supported yet.
    """
    if re.fullmatch(r"[0-7]+", text) and int(text, 8) <= _LARGEST_MODE:
        return int(text, 8)
    if _SYMBOLIC.fullmatch(text):
        raise PlacementError(f"the symbolic mode --chmod={text} is not supported yet")
    raise PlacementError(
        f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777"
    )
