"""What a COPY asks for all of its parts: where they go and what they become."""

from __future__ import annotations

from dataclasses import dataclass

from pybuild.imagepath import ImagePath
from pybuild.placement.chmod import Chmod
from pybuild.tree.entry import Entry


@dataclass(frozen=True, slots=True)
class CopySpec:
    """What holds for all parts of a COPY, with everything expanded.

    Attributes:
        destination: As written: a trailing slash or ``/.`` says that it is a directory.
        workdir: Where a relative destination starts.
        now_ns: The time of parents that are made.
        owner: Of everything placed, parents included; None is as each part says, and root for
            parents.
        chmod: What becomes of modes; None keeps them.
        mtime_limit_ns: Later times become this one (SOURCE_DATE_EPOCH).
    """

    destination: str
    workdir: ImagePath
    now_ns: int
    owner: tuple[int, int] | None = None
    chmod: Chmod | None = None
    mtime_limit_ns: int | None = None

    @property
    def target(self) -> ImagePath:
        """The destination, absolute and normalized; links in it are not followed."""
        return self.workdir.join(self.destination)

    @property
    def into_directory(self) -> bool:
        """Whether the destination is written as a directory."""
        return self.destination in {"", "."} or self.destination.endswith(("/", "/."))

    def time(self, mtime_ns: int) -> int:
        """A time with the limit applied."""
        return mtime_ns if self.mtime_limit_ns is None else min(mtime_ns, self.mtime_limit_ns)

    def mode_of(self, entry: Entry) -> int:
        """The mode of the copy of an entry."""
        return entry.mode if self.chmod is None else self.chmod.mode_of(entry)
