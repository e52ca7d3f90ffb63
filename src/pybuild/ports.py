"""The Protocols between the engine and what it drives; the engine knows these, not adapters."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from pybuild.digest import Digest
from pybuild.imagepath import ImagePath
from pybuild.oci.config import ImageConfig
from pybuild.oci.manifest import Descriptor, Manifest
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference, Repository
from pybuild.tree.entry import Candidate


class Access(enum.Enum):
    """What becomes of what a RUN writes to a mount.

    READ_ONLY is refused where the place can refuse it; where it cannot, it is dropped, with a
    warning.
    """

    READ_ONLY = "read-only"
    DROPPED = "dropped"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class HostMount:
    """A directory or a file of this machine in the tree.

    Attributes:
        source: Absolute, resolved, there. It is never changed, but with KEPT.
        target: Absolute in the tree; its links are followed inside the tree.
    """

    source: Path
    target: str
    access: Access


@dataclass(frozen=True, slots=True)
class EmptyMount:
    """An empty directory (1777) that vanishes with the RUN; size_bytes is None for no limit."""

    target: str
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class FileMount:
    """Bytes that are a file in the tree while a RUN lasts, and nowhere afterwards."""

    target: str
    data: bytes = field(repr=False)
    mode: int = 0o400
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True)
class SocketMount:
    """A Unix socket of this machine that a user of the tree may talk to."""

    source: Path
    target: str
    mode: int = 0o600
    uid: int = 0
    gid: int = 0


Mount = HostMount | EmptyMount | FileMount | SocketMount


@dataclass(frozen=True, slots=True)
class Limit:
    """A resource limit by docker's name (``nofile``); -1 is without limit."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What is around every RUN of a build.

    Attributes:
        hosts: More lines of ``/etc/hosts``: name and address.
        hostname: Empty is the place's own.
        shm_bytes: The size of ``/dev/shm``; None is the place's own.
        limits: Each at most once.
    """

    hosts: tuple[tuple[str, str], ...] = ()
    hostname: str = ""
    shm_bytes: int | None = None
    limits: tuple[Limit, ...] = ()


PLAIN_SANDBOX = Sandbox()


@dataclass(frozen=True, slots=True)
class Process:
    """A command to run in a tree; everything about it is already resolved.

    Attributes:
        argv: The program is looked up in env's PATH, inside the tree.
        env: The whole environment, HOME included.
        cwd: A directory inside the tree that exists.
        groups: Supplementary groups.
        host_directory: A directory of this machine that is the working directory instead of cwd,
            writable for the command, at the same path; None for a RUN.
        mounts: Made in this order; nothing of them, nor of the directories made for them, is among
            the candidates afterwards.
        network: ``default`` and ``host`` are this process's own, ``none`` is a loopback alone.
    """

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = field(repr=False)
    cwd: str = "/"
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    host_directory: Path | None = None
    mounts: tuple[Mount, ...] = ()
    network: str = "default"
    sandbox: Sandbox = PLAIN_SANDBOX


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


class BlobWriter(Protocol):
    """A blob on its way into the store; leaving its ``with`` block without commit drops it."""

    def write(self, data: bytes) -> None:
        """Append bytes."""

    def commit(self, media_type: str, expected: Digest | None = None) -> Descriptor:
        """Make the blob visible under its digest.

        Raises:
            IntegrityError: The bytes are not what expected says.
        """


class BlobStore(Protocol):
    """Blobs on this machine, by digest."""

    def __contains__(self, digest: Digest) -> bool: ...

    def open(self, descriptor: Descriptor) -> BinaryIO:
        """The blob's bytes; reading to the end raises IntegrityError where they are not right."""

    def writer(self) -> AbstractContextManager[BlobWriter]:
        """A new blob."""

    def add(self, data: bytes, media_type: str) -> Descriptor:
        """Store a small blob."""


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
