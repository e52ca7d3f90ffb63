"""Blobs from a registry: checked while they stream, taken up again where the line breaks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http import HTTPStatus

from pybuild.digest import from_raw
from pybuild.errors import BlobMissing, IntegrityError, RegistryError
from pybuild.http import Response, TransportError
from pybuild.oci.manifest import Descriptor
from pybuild.oci.reference import Repository
from pybuild.registry import failures
from pybuild.registry.endpoints import Side
from pybuild.registry.session import Session, scopes_for

_PROGRESS_BYTES = 1 << 20
"""A line that breaks after that much is a bad line, and not counted as a failed attempt."""


def has_blob(session: Session, repository: Repository, descriptor: Descriptor) -> bool:
    """Whether a repository has a blob, by HEAD."""
    doing = f"asking for {descriptor.digest} in {repository}"
    response = session.send(
        doing,
        "HEAD",
        repository,
        f"blobs/{descriptor.digest}",
        side=Side.PUSH,
        scopes=scopes_for(repository),
    )
    if response.status in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
        return response.status == HTTPStatus.OK
    raise session.unexpected(doing, repository, response)


def pull_blob(session: Session, repository: Repository, descriptor: Descriptor) -> Iterator[bytes]:
    """A blob's bytes; what is yielded can only be trusted once the iterator has ended.

    Raises:
        BlobMissing: The blob is not there.
        RegistryError: Its bytes did not come.
        IntegrityError: At the end, or where more bytes come than there must be.
    """
    hasher = hashlib.sha256()
    received = 0
    for chunk in _from_anywhere(session, repository, descriptor):
        received += len(chunk)
        if received > descriptor.size_bytes:
            break
        hasher.update(chunk)
        yield chunk
    if received > descriptor.size_bytes:
        raise IntegrityError(
            f"{descriptor.digest} from {repository} is longer than {descriptor.size_bytes} bytes"
        )
    digest = from_raw(hasher.digest())
    if digest != descriptor.digest:
        raise IntegrityError(f"{descriptor.digest} from {repository} has the digest {digest}")


def _from_anywhere(
    session: Session, repository: Repository, descriptor: Descriptor
) -> Iterator[bytes]:
    """From the repository, then from where its image could have been found as well."""
    offset = 0
    *mirrors, last = (repository, *session.further(repository))
    for place in mirrors:
        try:
            for chunk in _Download(session, place, descriptor).bytes_from(offset):
                offset += len(chunk)
                yield chunk
        except RegistryError as error:
            message = f"mirror {place.registry} is passed over: {error.message}"
            session.warn_once("MirrorFailed", place.registry, message)
        else:
            return
    yield from _Download(session, last, descriptor).bytes_from(offset)


class _Download:
    """One blob on its way from one repository."""

    def __init__(self, session: Session, repository: Repository, descriptor: Descriptor) -> None:
        self._session = session
        self._repository = repository
        self._descriptor = descriptor
        self._side = session.side_of_pull(repository)
        self._doing = f"pulling {descriptor.digest} from {repository}"

    def bytes_from(self, offset: int) -> Iterator[bytes]:
        """The rest of the blob; where a line breaks, the next one goes on there."""
        attempt = 1
        while True:
            begun = offset
            problem = "it ended early"
            try:
                for chunk in self._stream(offset):
                    offset += len(chunk)
                    yield chunk
            except TransportError as error:
                problem = error.message
            # Without Content-Length a cut connection looks like an end.
            if offset >= self._descriptor.size_bytes:
                return
            if offset - begun >= _PROGRESS_BYTES:
                attempt = 1
            broken = TransportError(problem, "broken", passing=True)
            if not self._session.again(attempt, broken, self._side):
                raise RegistryError(
                    f"{self._doing} failed after {offset} of {self._descriptor.size_bytes} bytes:"
                    f" {problem}"
                )
            attempt += 1

    def _stream(self, offset: int) -> Iterator[bytes]:
        with self._open(offset) as response:
            # A registry that does not know of ranges sends all of it again: the digest tells
            # whether that was the same.
            skip = offset if response.status == HTTPStatus.OK else 0
            for chunk in response.chunks():
                if skip < len(chunk):
                    yield chunk[skip:]
                skip = max(0, skip - len(chunk))

    def _open(self, offset: int) -> Response:
        response = self._session.send(
            self._doing,
            "GET",
            self._repository,
            f"blobs/{self._descriptor.digest}",
            side=self._side,
            scopes=scopes_for(self._repository),
            headers={"Range": f"bytes={offset}-"} if offset else {},
            stream=True,
        )
        if response.status == HTTPStatus.NOT_FOUND:
            raise BlobMissing(
                f"{self._doing} failed: it is not there{failures.said_by(response)}",
                hint="the registry may have removed it; build the image that it belongs to again",
            )
        if response.status == HTTPStatus.OK:
            return response
        if response.status == HTTPStatus.PARTIAL_CONTENT and offset:
            self._check_range(response, offset)
            return response
        response.close()
        raise self._session.unexpected(self._doing, self._repository, response)

    def _check_range(self, response: Response, offset: int) -> None:
        if not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
            response.close()
            raise RegistryError(f"{self._doing} failed: the registry resumed at another place")
