"""What a repository holds: its tags, their manifests, and how to remove one (distribution-spec)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

from pybuild.digest import Digest
from pybuild.errors import RegistryError
from pybuild.events import Emit
from pybuild.http import Response, Transport
from pybuild.oci.document import Node
from pybuild.oci.manifest import Descriptor, Manifest
from pybuild.oci.reference import Repository
from pybuild.registry import manifests
from pybuild.registry.endpoints import Side
from pybuild.registry.pull import pull_blob
from pybuild.registry.session import Session, scopes_for
from pybuild.request import RegistryOptions

_PAGE = 1000  # tags; registries give fewer where they want to
_MOST_PAGES = 10_000
_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')
_GONE = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND})


class Catalogue:
    """Looks through repositories and removes manifests; safe to use from many threads.

    Args:
        options: As for a build; those of pushes count, as for all that the cache does.
        transport: Sends the requests.
        emit: Gets warnings.
    """

    def __init__(self, options: RegistryOptions, transport: Transport, emit: Emit) -> None:
        self._session = Session(options, transport, emit, time.monotonic)

    def tags(self, repository: Repository) -> Iterator[str]:
        """Every tag; none where the repository is not there.

        Raises:
            RegistryError: The registry refused, or could not be reached.
            IntegrityError: Its answer is malformed.
        """
        doing = f"listing the tags of {repository}"
        path = f"tags/list?n={_PAGE}"
        for _ in range(_MOST_PAGES):
            response = self._session.send(
                doing, "GET", repository, path, side=Side.PUSH, scopes=scopes_for(repository)
            )
            if response.status == HTTPStatus.NOT_FOUND:
                return
            if response.status != HTTPStatus.OK:
                raise self._session.unexpected(doing, repository, response)
            found = Node.parse(response.body, f"the list of tags of {repository}")["tags"].texts()
            yield from found
            following = _following(response)
            if not following or not found:
                return
            path = following
        raise RegistryError(f"{doing} failed: {repository.registry} gives lists without end")

    def manifest(self, repository: Repository, selector: str) -> tuple[Descriptor, Manifest] | None:
        """A manifest by tag or digest, and what it is; None where there is none.

        Raises:
            RegistryError: The registry refused, or could not be reached.
            IntegrityError: What is there is no image manifest.
        """
        found = manifests.fetch(self._session, repository, selector, Side.PUSH)
        if found is None:
            return None
        manifest = Manifest.parse(found.data, source=found.source, media_type=found.media_type)
        return Descriptor(found.media_type, found.digest, len(found.data)), manifest

    def blob(self, repository: Repository, descriptor: Descriptor) -> bytes:
        """A small blob, checked.

        Raises:
            RegistryError: It is not there, or could not be fetched.
            IntegrityError: It is not what it should be.
        """
        return b"".join(pull_blob(self._session, repository, descriptor))

    def remove(self, repository: Repository, digest: Digest) -> None:
        """Remove a manifest and its tags; one that is not there is removed.

        Raises:
            RegistryError: The registry refused, or could not be reached.
        """
        doing = f"removing {repository}@{digest}"
        response = self._session.send(
            doing,
            "DELETE",
            repository,
            f"manifests/{digest}",
            side=Side.PUSH,
            scopes=scopes_for(repository, "pull,delete"),
        )
        if response.status == HTTPStatus.METHOD_NOT_ALLOWED:
            raise RegistryError(
                f"{repository.registry} does not let manifests be removed (405)",
                hint="allow it (distribution: REGISTRY_STORAGE_DELETE_ENABLED=true), or set the"
                " registry's own rules for how long images are kept",
            )
        if response.status not in _GONE:
            raise self._session.unexpected(doing, repository, response)


def _following(response: Response) -> str:
    """The path of the next page (RFC 8288 section 3), or empty."""
    match = _NEXT.search(response.headers.get("Link", ""))
    # Only what is asked for is taken from it: it may name another host, to whom no login goes.
    query = urlsplit(match[1]).query if match else ""
    return f"tags/list?{query}" if query else ""
