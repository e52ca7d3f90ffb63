"""The distribution API as the engine sees it (``ports.Registry``)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from pybuild.events import BlobMoved, Emit
from pybuild.http import Transport
from pybuild.oci.manifest import Descriptor, Manifest
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference, Repository
from pybuild.ports import ResolvedImage
from pybuild.registry import manifests, pull, push
from pybuild.registry.endpoints import Side
from pybuild.registry.resolve import resolve
from pybuild.registry.session import Session
from pybuild.request import RegistryOptions


class RegistryClient:
    """Images and blobs of any registry; safe to use from many threads.

    Bases are on the pull side of options that have two; pushes and whatever the cache asks for on
    the other.

    Args:
        options: Credentials, mirrors, plain HTTP, certificates and retries.
        transport: Sends the requests.
        emit: Gets ``BlobMoved`` and warnings.
        clock: Seconds that only go forward, for the lifetime of tokens.
    """

    def __init__(
        self,
        options: RegistryOptions,
        transport: Transport,
        emit: Emit,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._emit = emit
        self._session = Session(options, transport, emit, clock)

    def prepare_logins(self, repositories: Iterable[Repository]) -> None:
        """Run now every credential program that requests to these will need, mirrors included.

        In place no program of this machine can be run while a stage's tree is active; what a
        program said is kept for the whole build. Nothing is sent; failures are told by the request
        that needs the login.
        """
        self._session.prepare_logins(repositories)

    def resolve(self, reference: Reference, platform: Platform) -> ResolvedImage:
        """Find an image's manifest and configuration, at its mirrors first."""
        return resolve(self._session, reference, platform)

    def pull_blob(self, repository: Repository, descriptor: Descriptor) -> Iterator[bytes]:
        """A blob's bytes; IntegrityError at the end where digest or size is wrong."""
        yield from pull.pull_blob(self._session, repository, descriptor)
        self._moved("pulled", repository, descriptor)

    def has_blob(self, repository: Repository, descriptor: Descriptor) -> bool:
        """Whether the repository has the blob."""
        return pull.has_blob(self._session, repository, descriptor)

    def push_blob(
        self,
        repository: Repository,
        descriptor: Descriptor,
        source: Callable[[], Iterator[bytes]],
        mount_from: Repository | None = None,
    ) -> str:
        """Make a blob be there: ``exists``, ``mounted`` or ``pushed``."""
        how = push.push_blob(self._session, repository, descriptor, source, mount_from)
        self._moved(how, repository, descriptor)
        return how

    def check_push(self, repository: Repository) -> None:
        """Find out early whether a push to the repository would be let in."""
        push.check_push(self._session, repository)

    def pull_manifest(self, repository: Repository, selector: str) -> Manifest | None:
        """An image manifest by tag or digest; None where there is none.

        Raises:
            IntegrityError: What is there is not an image manifest.
        """
        document = manifests.fetch(self._session, repository, selector, Side.PUSH)
        if document is None:
            return None
        return Manifest.parse(document.data, source=document.source, media_type=document.media_type)

    def push_manifest(self, repository: Repository, selector: str, manifest: Manifest) -> None:
        """Put a manifest under a tag or its digest."""
        manifests.put(self._session, repository, selector, manifest)

    def _moved(self, how: str, repository: Repository, descriptor: Descriptor) -> None:
        self._emit(BlobMoved(how, descriptor.digest, descriptor.size_bytes, str(repository)))
