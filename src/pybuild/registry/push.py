"""Blobs into a registry: already there, mounted from another repository, or uploaded whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from urllib.parse import urlencode, urljoin

from pybuild.errors import IntegrityError, RegistryError
from pybuild.http import Origin, Response, TransportError
from pybuild.oci.manifest import Descriptor
from pybuild.oci.reference import Repository
from pybuild.registry import failures
from pybuild.registry.endpoints import Side, canonical_host
from pybuild.registry.failures import AccessRefused
from pybuild.registry.session import Session, scopes_for

Source = Callable[[], Iterator[bytes]]
_STORED = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT})


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
    upload = _Upload(session, repository, descriptor)
    if upload.exists():
        return "exists"
    location = ""
    if mount_from is not None and _mountable(mount_from, repository):
        mounted, location = upload.mount(mount_from)
        if mounted:
            return "mounted"
    upload.send(source, location)
    return "pushed"


def _mountable(source: Repository, target: Repository) -> bool:
    same_registry = canonical_host(source.registry) == canonical_host(target.registry)
    return same_registry and source.path != target.path


class _Upload:
    """One blob on its way into one repository."""

    def __init__(self, session: Session, repository: Repository, descriptor: Descriptor) -> None:
        self._session = session
        self._repository = repository
        self._descriptor = descriptor
        self._scopes = scopes_for(repository, "pull,push")
        self._doing = f"pushing {descriptor.digest} to {repository}"

    def exists(self) -> bool:
        """Ask by HEAD; where that is not answered, the upload itself will tell."""
        response = self._session.send(
            self._doing,
            "HEAD",
            self._repository,
            f"blobs/{self._descriptor.digest}",
            side=Side.PUSH,
            scopes=self._scopes,
        )
        if response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise self._session.unexpected(self._doing, self._repository, response)
        return response.status == HTTPStatus.OK

    def mount(self, source: Repository) -> tuple[bool, str]:
        """Whether the mount was done; else where to upload, or empty.

        A registry that does not mount answers as to any upload (distribution-spec, "Mounting a
        blob from another repository"); one that does not let us read the source refuses. Neither
        is an error: the bytes are sent then.
        """
        query = urlencode({"mount": self._descriptor.digest, "from": source.path})
        try:
            response = self._session.send(
                self._doing,
                "POST",
                self._repository,
                f"blobs/uploads/?{query}",
                side=Side.PUSH,
                scopes=self._scopes | scopes_for(source),
            )
        except AccessRefused:
            return False, ""
        if response.status == HTTPStatus.CREATED:
            return True, ""
        return False, self._location(response) if response.status == HTTPStatus.ACCEPTED else ""

    def send(self, source: Source, location: str) -> None:
        """Upload with one POST and one PUT, from the start again where that may help.

        The PUT alone is never repeated: a broken one leaves the upload in a state that registries
        do not agree on.
        """
        attempt = 1
        while True:
            target = location or self._begin()
            location = ""
            outcome = self._put(source, target)
            if isinstance(outcome, Response) and outcome.status in _STORED:
                return
            if not self._session.retries.again(attempt, outcome):
                break
            attempt += 1
        if isinstance(outcome, TransportError):
            raise failures.unreachable(self._doing, outcome)
        raise self._refusal(outcome)

    def _begin(self) -> str:
        response = self._session.send(
            self._doing,
            "POST",
            self._repository,
            "blobs/uploads/",
            side=Side.PUSH,
            scopes=self._scopes,
        )
        if response.status != HTTPStatus.ACCEPTED:
            raise self._session.unexpected(self._doing, self._repository, response)
        return self._location(response)

    def _location(self, response: Response) -> str:
        """Where to PUT, absolute and with the digest; its query belongs to the registry."""
        try:
            target = urljoin(response.url, response.headers.get("Location", ""))
            there = Origin.of(target)
        except (ValueError, TransportError):
            there = None
        if there is None or target == response.url:
            raise RegistryError(f"{self._doing} failed: the registry names no place to upload to")
        if there.scheme == "http" and response.url.startswith("https:"):
            raise RegistryError(
                f"{self._doing} failed: the registry wants the upload at http://{there},"
                " which is not encrypted",
                hint="the proxy before the registry must send X-Forwarded-Proto: https",
            )
        separator = "&" if "?" in target else "?"
        return f"{target}{separator}{urlencode({'digest': self._descriptor.digest})}"

    def _put(self, source: Source, target: str) -> Response | TransportError:
        try:
            return self._session.attempt(
                "PUT",
                self._repository,
                target,
                side=Side.PUSH,
                scopes=self._scopes,
                headers={
                    "Content-Type": "application/octet-stream",
                    "Content-Length": str(self._descriptor.size_bytes),
                },
                body=lambda: self._counted(source()),
                retry=False,
            )
        except TransportError as error:
            return error

    def _counted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The bytes, as many as Content-Length promised: else the registry would wait for more."""
        sent = 0
        for chunk in chunks:
            sent += len(chunk)
            if sent > self._descriptor.size_bytes:
                break
            yield chunk
        if sent != self._descriptor.size_bytes:
            raise IntegrityError(
                f"{self._descriptor.digest} must have {self._descriptor.size_bytes} bytes,"
                f" its source gave {sent}"
            )

    def _refusal(self, response: Response) -> RegistryError | IntegrityError:
        if "DIGEST_INVALID" in failures.said_by(response):
            return IntegrityError(f"{self._doing} failed: the registry got other bytes")
        return self._session.unexpected(self._doing, self._repository, response)
