"""Blobs from a registry: checked while they stream, resumed once where the connection breaks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http import HTTPStatus

from pybuild.digest import from_raw
from pybuild.errors import IntegrityError, RegistryError
from pybuild.http import Response, TransportError
from pybuild.oci.manifest import Descriptor
from pybuild.oci.reference import Repository
from pybuild.registry import failures
from pybuild.registry.endpoints import Side
from pybuild.registry.session import Session, scopes_for


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
        RegistryError: The blob is not there, or its bytes did not come.
        IntegrityError: At the end, or where more bytes come than there must be.
    """
    doing = f"pulling {descriptor.digest} from {repository}"
    hasher = hashlib.sha256()
    received = 0
    for chunk in _bytes(session, repository, descriptor, doing):
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


def _bytes(
    session: Session, repository: Repository, descriptor: Descriptor, doing: str
) -> Iterator[bytes]:
    offset = 0
    broken: str = ""
    for _ in range(2):
        response = _open(session, repository, descriptor, offset, doing)
        try:
            with response:
                for chunk in response.chunks():
                    offset += len(chunk)
                    yield chunk
        except TransportError as error:
            broken = error.message
        else:
            # Without Content-Length a cut connection looks like an end.
            if offset >= descriptor.size_bytes:
                return
            broken = f"it ended after {offset} of {descriptor.size_bytes} bytes"
    raise RegistryError(f"{doing} failed twice: {broken}")


def _open(
    session: Session, repository: Repository, descriptor: Descriptor, offset: int, doing: str
) -> Response:
    response = session.send(
        doing,
        "GET",
        repository,
        f"blobs/{descriptor.digest}",
        side=Side.PULL,
        scopes=scopes_for(repository),
        headers={"Range": f"bytes={offset}-"} if offset else {},
        stream=True,
    )
    if response.status == HTTPStatus.NOT_FOUND:
        raise RegistryError(
            f"{doing} failed: it is not there{failures.said_by(response)}",
            hint="the registry may have removed it; build the image that it belongs to again",
        )
    if response.status != (HTTPStatus.PARTIAL_CONTENT if offset else HTTPStatus.OK):
        response.close()
        if response.ok:
            raise RegistryError(f"{doing} failed: the connection broke and cannot be resumed")
        raise session.unexpected(doing, repository, response)
    _check_range(response, offset, doing)
    return response


def _check_range(response: Response, offset: int, doing: str) -> None:
    if offset and not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
        response.close()
        raise RegistryError(f"{doing} failed: the registry resumed at another place")
