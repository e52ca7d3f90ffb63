"""The remote sources of ADD: files over HTTP and trees of git repositories, each fetched once."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import assert_never

from pybuild.context.git import GitRepository
from pybuild.context.git_query import check_checksum
from pybuild.context.git_remote import Found
from pybuild.context.http_file import HttpFiles, Identified
from pybuild.context.http_get import Getter
from pybuild.context.http_records import Records
from pybuild.context.modified import set_times
from pybuild.context.secrets import RemoteSecrets
from pybuild.dockerfile.remote_address import RemoteKind, remote_kind, shown
from pybuild.errors import ContextError
from pybuild.events import Emit, ignore
from pybuild.http import Transport
from pybuild.ports import BlobStore, FetchedRemote, RemoteSource

_DEFAULT_AGENT = "default"


@dataclass(slots=True)
class _Known:
    """What has been found out about one source; its lock is held while more is."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    identity: bytes | None = None
    file: Identified | None = None
    found: Found | None = None
    fetched: FetchedRemote | None = None


class RemoteSources:
    """``ports.Remotes``; safe to use from many threads.

    Attributes are private; what is fetched lies in a directory of the build, and the bodies of
    files in the blob store besides, so that an unchanged URL is not downloaded again.
    """

    def __init__(
        self,
        scratch: Path,
        store: BlobStore,
        transport: Transport,
        *,
        records: Path,
        secrets: Mapping[str, bytes] | None = None,
        agents: Mapping[str, Path] | None = None,
        emit: Emit = ignore,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            scratch: A directory of this build alone; who made it removes it.
            store: Keeps bodies from build to build.
            transport: Sends requests.
            records: A directory that builds share: what was found at each URL.
            secrets: By id; only ``HTTP_AUTH_…`` and ``GIT_AUTH_…`` are read.
            agents: Sockets of ssh agents by id; git uses ``default``.
            emit: Gets warnings.
        """
        self._scratch = scratch
        self._secrets = RemoteSecrets(secrets or {})
        self._files = HttpFiles(Getter(transport, self._secrets), store, Records(records))
        self._agent = (agents or {}).get(_DEFAULT_AGENT)
        self._emit = emit
        self._known: dict[RemoteSource, _Known] = {}
        self._lock = threading.Lock()
        self._numbers = itertools.count()

    def identify(self, remote: RemoteSource) -> bytes:
        """What its bytes are, for a step's key: a digest or a commit.

        Raises:
            ContextError: It cannot be had, or is not what its checksum says.
        """
        known = self._entry(remote)
        with known.lock:
            return self._identified(remote, known)

    def fetch(self, remote: RemoteSource) -> FetchedRemote:
        """Bring it to this machine as it was identified; asked again, give the same.

        Raises:
            ContextError: As identify.
        """
        known = self._entry(remote)
        with known.lock:
            self._identified(remote, known)
            if known.fetched is None:
                known.fetched = self._fetched(remote, known)
            return known.fetched

    def _entry(self, remote: RemoteSource) -> _Known:
        with self._lock:
            return self._known.setdefault(remote, _Known())

    def _identified(self, remote: RemoteSource, known: _Known) -> bytes:
        if known.identity is not None:
            return known.identity
        match _kind(remote):
            case RemoteKind.HTTP:
                known.file = self._files.identify(remote.url, remote.checksum)
                known.identity = known.file.identity
            case RemoteKind.GIT:
                repository = self._repository(remote)
                known.found = repository.find(self._place())
                known.identity = _git_identity(repository, known.found)
            case kind:
                assert_never(kind)
        return known.identity

    def _fetched(self, remote: RemoteSource, known: _Known) -> FetchedRemote:
        into = self._place()
        if known.file is not None:
            return FetchedRemote(into, self._files.fetch(remote.url, known.file, into))
        context = self._repository(remote).fetch(into, known.found)
        set_times(context.directory, context.commit_time_s or 0)
        return FetchedRemote(context.directory, "")

    def _repository(self, remote: RemoteSource) -> GitRepository:
        repository = GitRepository.source(remote.url, self._secrets, self._emit, self._agent)
        address = repository.address
        if remote.checksum:
            checksum = check_checksum(remote.checksum)
            if address.checksum not in {"", checksum}:
                raise ContextError(
                    f"checksum mismatch: --checksum is {checksum}, the URL's is {address.checksum}",
                    hint="leave one of them out",
                )
            address = replace(address, checksum=checksum)
        if remote.keep_git_dir and address.keep_git_dir is False:
            raise ContextError(
                "inconsistent keep-git-dir configuration: the flag says true, the URL false",
                hint="leave one of them out",
            )
        keep = remote.keep_git_dir or address.keep_git_dir
        return replace(repository, address=replace(address, keep_git_dir=keep))

    def _place(self) -> Path:
        place = self._scratch / f"remote-{next(self._numbers)}"
        place.mkdir()
        return place


def _kind(remote: RemoteSource) -> RemoteKind:
    kind = remote_kind(remote.url)
    if kind is None:
        raise ContextError(
            f"{shown(remote.url)} is not a remote source",
            hint="write an http, https, ssh or git URL, or user@host:path",
        )
    return kind


def _git_identity(repository: GitRepository, found: Found) -> bytes:
    """Everything that decides about the tree's bytes; a kept ``.git`` names its origin and tag."""
    address = repository.address
    facts = ["git 1", found.commit, address.subdir, str(address.submodules)]
    if address.keep_git_dir:
        facts += [address.url, found.name, found.tag]
    return "\0".join(facts).encode("utf-8", "surrogateescape")
