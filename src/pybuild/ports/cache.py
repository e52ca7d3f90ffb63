"""What steps made, by key; and directories that outlive a build."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pybuild.digest import Digest
from pybuild.oci.manifest import Descriptor
from pybuild.oci.reference import Repository


@dataclass(frozen=True, slots=True)
class ChainLayer:
    """A layer of a chain: what it is and where its bytes can be had.

    Attributes:
        repository: A repository that has it; None where the local store does.
    """

    descriptor: Descriptor
    diff_id: Digest
    repository: Repository | None = None


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """What a step made when it ran, and the whole chain it was built on.

    Attributes:
        base: The manifest digest of the stage's base image; empty for scratch.
        chain: Every layer up to and with this step's own, from the base's first on.
        created: RFC 3339, when the step ran.
        made_layer: Whether the last layer of the chain is this step's own.
    """

    base: str
    chain: tuple[ChainLayer, ...]
    created: str
    made_layer: bool = True


class StepCache(Protocol):
    """Results of steps by key; never fails a build: problems are warnings."""

    def look_up(self, keys: Sequence[Digest]) -> dict[Digest, CacheEntry]:
        """Ask for all keys at once; those that miss are not in the answer."""

    def save(
        self,
        key: Digest,
        entry: CacheEntry,
        title: str,
        *,
        seconds: float | None = None,
        parts: Mapping[str, str] = {},
    ) -> None:
        """Keep a step's result; its last layer is in the local store or in its repository.

        Args:
            key: The step's.
            entry: What it made.
            title: The step, for people.
            seconds: How long it took.
            parts: What the key is made of, for people.
        """


class CacheMounts(Protocol):
    """Directories of ``RUN --mount=type=cache`` that outlive a build."""

    def open(
        self,
        name: str,
        sharing: str,
        fill: Callable[[Path], None],
        on_wait: Callable[[], None],
    ) -> AbstractContextManager[Path]:
        """A cache's directory, for as long as the block lasts.

        Args:
            name: Any text; different names never share anything.
            sharing: ``shared``: with whoever else has it open; ``locked``: waits until nobody
                has; ``private``: another, new directory where somebody has.
            fill: Called with the new, empty directory of a cache that is not there yet.
            on_wait: Called again and again while it waits; what it raises ends the wait.
        """
