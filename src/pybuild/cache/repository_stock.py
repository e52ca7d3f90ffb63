"""The entries of a repository: listed by its tags, removed by digest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from pybuild.cache.entry import read_entry
from pybuild.cache.steps import AT_ONCE
from pybuild.cache.stock import Explained, Held, is_entry
from pybuild.digest import Digest
from pybuild.errors import IntegrityError
from pybuild.oci.manifest import Descriptor, Manifest
from pybuild.oci.reference import Repository

_KEY = re.compile(r"[0-9a-f]{64}")


class Catalogue(Protocol):
    """What this needs of a registry; see ``registry.catalogue``."""

    def tags(self, repository: Repository) -> Iterator[str]:
        """Every tag."""

    def manifest(self, repository: Repository, selector: str) -> tuple[Descriptor, Manifest] | None:
        """A manifest by tag, and what it is."""

    def blob(self, repository: Repository, descriptor: Descriptor) -> bytes:
        """A small blob, checked."""

    def remove(self, repository: Repository, digest: Digest) -> None:
        """Remove a manifest."""


class RepositoryStock:
    """The entries of one repository (``cache.stock.Stock``).

    Blobs are freed when the registry next collects its garbage.
    """

    def __init__(self, repository: Repository, catalogue: Catalogue) -> None:
        self._repository = repository
        self._catalogue = catalogue

    def held(self, prefix: str = "") -> list[Held]:
        """Every entry whose key begins so, by one request each; a whole key needs no list."""
        listed = [prefix] if _KEY.fullmatch(prefix) else self._catalogue.tags(self._repository)
        tags = [tag for tag in listed if _KEY.fullmatch(tag) and tag.startswith(prefix)]
        with ThreadPoolExecutor(AT_ONCE, "cache-list") as pool:
            return [held for held in pool.map(self._held, tags) if held is not None]

    def explain(self, held: Held) -> Explained:
        """An entry with its configuration."""
        source = f"{self._repository}:{held.key.removeprefix('sha256:')}"
        explanation = self._catalogue.blob(self._repository, held.manifest.config)
        try:
            entry = read_entry(held.key, held.manifest, source=source, here=self._repository)
        except IntegrityError as error:
            return Explained(held, None, error.message, explanation)
        return Explained(held, entry, "", explanation)

    def remove(self, gone: Iterable[Held]) -> int:
        """Remove manifests, the first alone: a registry that refuses one refuses all."""
        wanted = list(gone)
        for held in wanted[:1]:
            self._remove(held)
        with ThreadPoolExecutor(AT_ONCE, "cache-remove") as pool:
            for _ in pool.map(self._remove, wanted[1:]):
                pass
        return 0

    def _remove(self, held: Held) -> None:
        self._catalogue.remove(self._repository, held.document.digest)

    def _held(self, tag: str) -> Held | None:
        try:
            found = self._catalogue.manifest(self._repository, tag)
        except IntegrityError:
            return None  # somebody else's
        if found is None or not is_entry(found[1]):
            return None
        return Held(Digest(f"sha256:{tag}"), *found)
