"""A registry and a blob store in memory, for whoever knows ports only."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pybuild.digest import sha256_of
from pybuild.errors import RegistryError
from pybuild.oci.manifest import Descriptor, Manifest
from pybuild.oci.reference import Repository


@dataclass
class MemoryRegistry:
    """``ports.Registry`` without images: every call is kept in ``calls``.

    Attributes:
        failures: Raised by calls whose name and repository match.
    """

    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    failures: dict[tuple[str, str], Exception] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def _call(self, name: str, repository: Repository, what: str) -> None:
        with self.lock:
            self.calls.append((name, str(repository), what))
        if failure := self.failures.get((name, str(repository))):
            raise failure

    def resolve(self, reference, platform):
        raise NotImplementedError

    def pull_blob(self, repository: Repository, descriptor: Descriptor) -> Iterator[bytes]:
        self._call("pull_blob", repository, descriptor.digest)
        yield self.blobs[str(repository), descriptor.digest]

    def has_blob(self, repository: Repository, descriptor: Descriptor) -> bool:
        self._call("has_blob", repository, descriptor.digest)
        return (str(repository), descriptor.digest) in self.blobs

    def push_blob(
        self,
        repository: Repository,
        descriptor: Descriptor,
        source: Callable[[], Iterator[bytes]],
        mount_from: Repository | None = None,
    ) -> str:
        self._call("push_blob", repository, descriptor.digest)
        if (str(repository), descriptor.digest) in self.blobs:
            return "exists"
        mounted = (str(mount_from), descriptor.digest)
        if mount_from and mount_from.registry == repository.registry and mounted in self.blobs:
            self.blobs[str(repository), descriptor.digest] = self.blobs[mounted]
            return "mounted"
        data = b"".join(source())
        assert sha256_of(data) == descriptor.digest
        self.blobs[str(repository), descriptor.digest] = data
        return "pushed"

    def check_push(self, repository: Repository) -> None:
        self._call("check_push", repository, "")

    def pull_manifest(self, repository: Repository, selector: str) -> Manifest | None:
        self._call("pull_manifest", repository, selector)
        return self.manifests.get((str(repository), selector))

    def push_manifest(self, repository: Repository, selector: str, manifest: Manifest) -> None:
        self._call("push_manifest", repository, selector)
        for wanted in (manifest.config, *manifest.layers):
            if (str(repository), wanted.digest) not in self.blobs:
                raise RegistryError(f"MANIFEST_BLOB_UNKNOWN: {wanted.digest}")
        self.manifests[str(repository), selector] = manifest


@dataclass
class MemoryStore:
    """``ports.BlobStore`` that is filled by hand."""

    blobs: dict[str, bytes] = field(default_factory=dict)

    def __contains__(self, digest: str) -> bool:
        return digest in self.blobs

    def open(self, descriptor: Descriptor) -> io.BytesIO:
        return io.BytesIO(self.blobs[descriptor.digest])

    @contextmanager
    def writer(self):
        raise NotImplementedError
        yield

    def add(self, data: bytes, media_type: str) -> Descriptor:
        self.blobs[sha256_of(data)] = data
        return Descriptor(media_type, sha256_of(data), len(data))
