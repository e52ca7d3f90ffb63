"""What a place holds, for those who look through it and clear it up; no build uses this."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from pybuild.cache.entry import CREATED, TITLE, is_time
from pybuild.digest import Digest
from pybuild.oci import media
from pybuild.oci.manifest import Descriptor, Manifest
from pybuild.ports import CacheEntry


@dataclass(frozen=True, slots=True)
class Held:
    """An entry, as far as it can be read: what another version wrote is listed and cleared up, too.

    Attributes:
        key: What it is found by.
        document: What its manifest is.
        manifest: Its manifest.
        used_s: When it was last used (seconds since 1970), or None where nobody knows.
    """

    key: Digest
    document: Descriptor
    manifest: Manifest
    used_s: float | None = None

    @property
    def title(self) -> str:
        """The step, for people; empty where it does not say."""
        return dict(self.manifest.annotations).get(TITLE, "")

    @property
    def created(self) -> str:
        """When the step ran (RFC 3339); empty where it does not say."""
        text = dict(self.manifest.annotations).get(CREATED, "")
        return text if is_time(text) else ""

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """All that goes with it, unless another entry has it too."""
        return (self.document, self.manifest.config, *self.manifest.layers)


@dataclass(frozen=True, slots=True)
class Explained:
    """An entry in full.

    Attributes:
        entry: What a hit gives; None where it cannot be used.
        problem: Why it cannot be used, or empty.
        explanation: The text of its configuration.
    """

    held: Held
    entry: CacheEntry | None
    problem: str
    explanation: bytes


class Stock(Protocol):
    """A place that can be looked through."""

    def held(self, prefix: str = "") -> list[Held]:
        """Every entry whose key begins so, in hex; what is no entry is left out.

        Raises:
            PybuildError: It cannot be looked through.
        """

    def explain(self, held: Held) -> Explained:
        """An entry in full."""

    def remove(self, gone: Iterable[Held]) -> int:
        """Remove entries, and what no other needs as far as that is ours to do.

        Returns:
            How many bytes were freed at once.

        Raises:
            PybuildError: One could not be removed; those before it are.
        """


def is_entry(manifest: Manifest) -> bool:
    """Whether a manifest is an entry of any version."""
    return manifest.artifact_type == media.CACHE_STEP


def total_bytes(held: Iterable[Held]) -> int:
    """The size of all that these entries have, each blob once."""
    return sum({blob.digest: blob.size_bytes for one in held for blob in one.blobs}.values())
