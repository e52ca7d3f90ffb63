"""Manifests and indexes by tag or digest: fetched with their digest checked, and put."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from pybuild.digest import Digest, sha256_of
from pybuild.errors import BlobMissing, IntegrityError
from pybuild.http import Response
from pybuild.oci import media
from pybuild.oci.document import Node
from pybuild.oci.manifest import Manifest
from pybuild.oci.reference import Repository
from pybuild.registry import failures
from pybuild.registry.endpoints import Side
from pybuild.registry.session import Session, scopes_for

ACCEPT = ", ".join([*sorted(media.INDEXES), *sorted(media.MANIFESTS)])
_GENERIC = frozenset({"", "application/json", "application/octet-stream", "text/plain"})
"""What static file servers and proxies say of any document: then it speaks for itself."""

_MISSING = frozenset({"BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN"})
"""The answers to a manifest whose blobs are not there (distribution-spec, "Error Codes")."""


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or index as the registry sent it.

    Attributes:
        media_type: From ``Content-Type``, or the document's own where that says nothing.
        digest: Computed from data.
        source: Names it in errors.
    """

    media_type: str
    digest: Digest
    data: bytes
    source: str


def named(repository: Repository, selector: str) -> str:
    """The reference as people write it."""
    separator = "@" if selector.startswith("sha256:") else ":"
    return f"{repository}{separator}{selector}"


def fetch(session: Session, repository: Repository, selector: str, side: Side) -> Document | None:
    """A document by tag or digest; None where the registry does not have it.

    Raises:
        RegistryError: The registry refused or could not be reached.
        IntegrityError: The bytes are not what the digest says.
    """
    name = named(repository, selector)
    doing = f"pulling the manifest of {name}"
    response = session.send(
        doing,
        "GET",
        repository,
        f"manifests/{selector}",
        side=side,
        scopes=scopes_for(repository),
        headers={"Accept": ACCEPT},
    )
    if response.status == HTTPStatus.NOT_FOUND:
        return None
    if response.status != HTTPStatus.OK:
        raise session.unexpected(doing, repository, response)
    source = f"the manifest of {name}"
    digest = sha256_of(response.body)
    _check(response, digest, source, selector if "@" in name else "")
    return Document(_media_type(response, source), digest, response.body, source)


def put(session: Session, repository: Repository, selector: str, manifest: Manifest) -> None:
    """Put a manifest under a tag or its digest.

    Raises:
        BlobMissing: The registry does not have a blob that it names.
        RegistryError: The registry did not take it.
        IntegrityError: The registry stored other bytes.
    """
    name = named(repository, selector)
    doing = f"pushing {name}"
    data = manifest.to_bytes()
    response = session.send(
        doing,
        "PUT",
        repository,
        f"manifests/{selector}",
        side=Side.PUSH,
        scopes=scopes_for(repository, "pull,push"),
        headers={"Content-Type": manifest.media_type},
        body=data,
    )
    said = failures.codes_of(response)
    if said & _MISSING:
        raise BlobMissing(
            f"{doing} failed: {repository.registry} does not have all that the manifest names"
            f"{failures.said_by(response)}",
            hint="the registry may have removed it; build again",
        )
    if response.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
        raise session.unexpected(doing, repository, response)
    _check(response, sha256_of(data), f"the manifest of {name}", "")


def _check(response: Response, digest: Digest, source: str, wanted: str) -> None:
    said = response.headers.get("Docker-Content-Digest", "")
    # Other algorithms are not wrong, but nothing that we could compare.
    if not said.startswith("sha256:"):
        said = ""
    for expected in (wanted, said):
        if expected and expected != digest:
            raise IntegrityError(
                f"{source} has the digest {digest}, its registry says {expected[:80]}"
                if expected == said
                else f"{source} has another digest: {digest}",
                hint="something between here and the registry changes its answers",
            )


def _media_type(response: Response, source: str) -> str:
    said = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if said not in _GENERIC:
        return said
    node = Node.parse(response.body, source)
    fallback = media.OCI_INDEX if node.has("manifests") else media.OCI_MANIFEST
    return node["mediaType"].text(default=fallback)
