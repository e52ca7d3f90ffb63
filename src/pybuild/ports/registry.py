"""Images and blobs behind the distribution API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pybuild.digest import Digest
from pybuild.oci.config import ImageConfig
from pybuild.oci.manifest import Descriptor, Manifest
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference, Repository


@dataclass(frozen=True, slots=True)
class ResolvedImage:
    """An image reference turned into exact documents.

    Attributes:
        reference: As it was asked for, with the digest of the platform's manifest.
        repository: Where it was found: the mirror's repository, or the reference's own; None
            where the local store has its layers.
    """

    reference: Reference
    repository: Repository | None
    digest: Digest
    manifest: Manifest
    config: ImageConfig


class Registry(Protocol):
    """Images and blobs behind the distribution API; safe to use from many threads."""

    def resolve(self, reference: Reference, platform: Platform) -> ResolvedImage:
        """Find an image's manifest and configuration, at its mirrors first.

        Raises:
            RegistryError: It is not there, or the registry refused.
        """

    def pull_blob(self, repository: Repository, descriptor: Descriptor) -> Iterator[bytes]:
        """A blob's bytes, checked: IntegrityError at the end where digest or size is wrong.

        Raises:
            BlobMissing: Neither the repository has it, nor one that it was resolved beside.
        """

    def has_blob(self, repository: Repository, descriptor: Descriptor) -> bool:
        """Whether the repository has the blob."""

    def push_blob(
        self,
        repository: Repository,
        descriptor: Descriptor,
        source: Callable[[], Iterator[bytes]],
        mount_from: Repository | None = None,
    ) -> str:
        """Make a blob be there: already there, mounted from another repository, or uploaded.

        Args:
            repository: Where it must be.
            descriptor: What it is.
            source: Called only if bytes must be sent; again for a retry.
            mount_from: A repository of the same registry that has it.

        Returns:
            ``exists``, ``mounted`` or ``pushed``.
        """

    def check_push(self, repository: Repository) -> None:
        """Find out whether the repository may be written, without writing.

        Raises:
            RegistryError: It may not.
        """

    def pull_manifest(self, repository: Repository, selector: str) -> Manifest | None:
        """A manifest by tag or digest; None where there is none."""

    def push_manifest(self, repository: Repository, selector: str, manifest: Manifest) -> None:
        """Put a manifest under a tag or its digest.

        Raises:
            BlobMissing: The registry does not have a blob that the manifest names.
        """
