"""The requests that an upload is made of (distribution-spec, "Pushing blobs")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import urlencode, urljoin

from pybuild.digest import Digest
from pybuild.errors import IntegrityError, RegistryError
from pybuild.http import Body, Origin, Response, TransportError
from pybuild.oci.reference import Repository
from pybuild.registry import failures
from pybuild.registry.auth import Scopes
from pybuild.registry.endpoints import Side
from pybuild.registry.session import Session, scopes_for

STORED = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT})
_GOES_ON = frozenset({HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT, HTTPStatus.OK})
_RANGE = re.compile(r"(?:bytes[ =])?0-([0-9]+)")

Outcome = Response | TransportError


@dataclass(frozen=True, slots=True)
class Opened:
    """An upload under way.

    Attributes:
        url: Where its next request goes; the query belongs to the registry.
        arrived_bytes: How much of the blob the registry says that it has.
        least_bytes: The size that no chunk but the last may be smaller than; 0 is no limit.
    """

    url: str
    arrived_bytes: int = 0
    least_bytes: int = 0


class UploadRequests:
    """What can be asked about uploads to one repository.

    Args:
        session: Sends the requests.
        repository: Where to.
        doing: Stands first in errors.
    """

    def __init__(self, session: Session, repository: Repository, doing: str) -> None:
        self.doing = doing
        self._session = session
        self._repository = repository
        self._scopes = scopes_for(repository, "pull,push")

    def begin(self) -> Opened:
        """Open an upload.

        Raises:
            RegistryError: The registry does not let us.
        """
        response = self.post()
        if response.status != HTTPStatus.ACCEPTED:
            raise self._session.unexpected(self.doing, self._repository, response)
        return self.opened(response)

    def post(self, query: str = "", further: Scopes = frozenset()) -> Response:
        """Ask for an upload; query may ask for a mount, which needs further scopes."""
        return self._session.send(
            self.doing,
            "POST",
            self._repository,
            f"blobs/uploads/{query}",
            side=Side.PUSH,
            scopes=self._scopes | further,
        )

    def opened(self, response: Response) -> Opened:
        """Where an answer says that the upload goes on, as an absolute URL."""
        least = response.headers.get("OCI-Chunk-Min-Length", "")
        return Opened(self._location(response), 0, int(least) if least.isdecimal() else 0)

    def put(self, opened: Opened, digest: Digest, body: Body, length: int) -> Outcome:
        """Send the rest of the blob, or nothing where all of it is there, and close the upload."""
        separator = "&" if "?" in opened.url else "?"
        target = f"{opened.url}{separator}{urlencode({'digest': digest})}"
        headers = _sizes(opened.arrived_bytes, length)
        if not length or not opened.arrived_bytes:
            del headers["Content-Range"]  # it belongs to parts
        return self._request("PUT", target, headers, body)

    def patch(self, opened: Opened, body: Body, length: int) -> Outcome:
        """Send a chunk."""
        return self._request("PATCH", opened.url, _sizes(opened.arrived_bytes, length), body)

    def after_patch(self, opened: Opened, length: int, response: Response) -> Opened:
        """The upload after a chunk that was taken.

        Raises:
            RegistryError: By what the registry says, it did not get further.
        """
        expected = opened.arrived_bytes + length
        said = response.headers.get("Range", "")
        arrived = _arrived_bytes(said) if said else expected
        if not opened.arrived_bytes < arrived <= expected:
            raise RegistryError(
                f"{self.doing} failed: the registry took a chunk, and then said that it has"
                f" {arrived} bytes instead of {expected}"
            )
        return replace(opened, url=self._next_url(opened, response), arrived_bytes=arrived)

    def ask(self, opened: Opened) -> Opened | None:
        """How far an upload came that broke; None where the registry does not say."""
        try:
            response = self._session.send(
                self.doing,
                "GET",
                self._repository,
                opened.url,
                side=Side.PUSH,
                scopes=self._scopes,
            )
        except RegistryError:
            return None
        said = response.headers.get("Range", "")
        if response.status not in _GOES_ON or not _RANGE.fullmatch(said):
            return None
        url = self._next_url(opened, response)
        return replace(opened, url=url, arrived_bytes=_arrived_bytes(said))

    def cancel(self, opened: Opened) -> None:
        """Give an upload up; that it cannot be done does no harm: registries purge them."""
        # Some want a right of its own for that (distribution: "delete"): it is not asked for.
        self._request("DELETE", opened.url, {}, None, answers=False)

    def again(self, attempt: int, outcome: Outcome) -> bool:
        """Sleep before another attempt; False where there must be none."""
        return self._session.again(attempt, outcome, Side.PUSH)

    def refusal(self, outcome: Outcome) -> RegistryError | IntegrityError:
        """The error for an outcome that ends the upload."""
        if isinstance(outcome, TransportError):
            return failures.unreachable(self.doing, outcome)
        if "DIGEST_INVALID" in failures.codes_of(outcome):
            return IntegrityError(f"{self.doing} failed: the registry got other bytes")
        return self._session.unexpected(self.doing, self._repository, outcome)

    def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body | None,
        *,
        answers: bool = True,
    ) -> Outcome:
        try:
            return self._session.attempt(
                method,
                self._repository,
                url,
                side=Side.PUSH,
                scopes=self._scopes,
                headers=headers,
                body=body,
                answers=answers,
            )
        except TransportError as error:
            return error

    def _next_url(self, opened: Opened, response: Response) -> str:
        return self._location(response) if "Location" in response.headers else opened.url

    def _location(self, response: Response) -> str:
        try:
            target = urljoin(response.url, response.headers.get("Location", ""))
            there = Origin.of(target)
        except (ValueError, TransportError):
            there = None
        if there is None or "Location" not in response.headers:
            raise RegistryError(f"{self.doing} failed: the registry names no place to upload to")
        if there.scheme == "http" and response.url.startswith("https:"):
            raise RegistryError(
                f"{self.doing} failed: the registry wants the upload at http://{there},"
                " which is not encrypted",
                hint="the proxy before the registry must send X-Forwarded-Proto: https",
            )
        return target


def _sizes(offset: int, length: int) -> dict[str, str]:
    return {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(length),
        # Not RFC 9110's form, but distribution-spec's: inclusive, and without a unit.
        "Content-Range": f"{offset}-{offset + length - 1}",
    }


def _arrived_bytes(said: str) -> int:
    """From a ``Range`` of an upload, which is inclusive; -1 where it makes no sense."""
    match = _RANGE.fullmatch(said)
    if match is None:
        return -1
    last = int(match[1])
    return last + 1 if last else 0  # distribution says 0-0 where it has nothing
