"""Blobs into a registry: already there, mounted from another repository, or uploaded."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

from pybuild.oci.manifest import Descriptor
from pybuild.oci.reference import Repository
from pybuild.registry.endpoints import Side, canonical_host
from pybuild.registry.failures import AccessRefused
from pybuild.registry.session import Session, scopes_for
from pybuild.registry.upload import Source, Upload
from pybuild.registry.upload_requests import Opened, UploadRequests

_WHOLE_ONLY = (".amazonaws.com", ".amazonaws.com.cn", ".ecr.aws", ".pkg.dev", "gcr.io")
"""Ends of the hosts that get a blob in one request or not at all: ECR refuses chunks, Artifact
Registry has been seen to drop each after the first and to answer 201 all the same."""


def push_blob(
    session: Session,
    repository: Repository,
    descriptor: Descriptor,
    source: Source,
    mount_from: Repository | None,
) -> str:
    """Make a blob be there by the cheapest way; says which: ``exists mounted pushed``.

    Raises:
        RegistryError: The registry refused, failed or could not be reached.
        IntegrityError: The source or the registry has other bytes than the descriptor says.
    """
    doing = f"pushing {descriptor.digest} to {repository}"
    if _exists(session, repository, descriptor, doing):
        return "exists"
    requests = UploadRequests(session, repository, doing)
    opened = None
    if mount_from is not None and _mountable(mount_from, repository):
        mounted, opened = _mount(requests, descriptor, mount_from)
        if mounted:
            return "mounted"
    Upload(requests, descriptor, source, _takes_parts(repository)).send(opened)
    return "pushed"


def check_push(session: Session, repository: Repository) -> None:
    """Open an upload and give it up again.

    Raises:
        RegistryError: The registry does not let us.
    """
    requests = UploadRequests(session, repository, f"pushing to {repository}")
    requests.cancel(requests.begin())


def _takes_parts(repository: Repository) -> bool:
    host = canonical_host(repository.registry).partition(":")[0]
    return not host.endswith(_WHOLE_ONLY)


def _mountable(source: Repository, target: Repository) -> bool:
    same_registry = canonical_host(source.registry) == canonical_host(target.registry)
    return same_registry and source.path != target.path


def _exists(session: Session, repository: Repository, descriptor: Descriptor, doing: str) -> bool:
    """Ask by HEAD; where that is not answered, the upload itself will tell."""
    response = session.send(
        doing,
        "HEAD",
        repository,
        f"blobs/{descriptor.digest}",
        side=Side.PUSH,
        scopes=scopes_for(repository, "pull,push"),
    )
    if response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise session.unexpected(doing, repository, response)
    return response.status == HTTPStatus.OK


def _mount(
    requests: UploadRequests, descriptor: Descriptor, source: Repository
) -> tuple[bool, Opened | None]:
    """Whether the mount was done; else the upload that was opened instead, if one was.

    A registry that does not mount answers as to any upload (distribution-spec, "Mounting a blob
    from another repository"); one that does not let us read the source refuses. Neither is an
    error: the bytes are sent then.
    """
    query = urlencode({"mount": descriptor.digest, "from": source.path})
    try:
        response = requests.post(f"?{query}", scopes_for(source))
    except AccessRefused:
        return False, None
    if response.status == HTTPStatus.CREATED:
        return True, None
    return False, requests.opened(response) if response.status == HTTPStatus.ACCEPTED else None
