"""The bytes of a blob to a registry: one POST and one PUT, and chunks only where those fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from pybuild.errors import IntegrityError
from pybuild.http import Response, TransportError
from pybuild.oci.manifest import Descriptor
from pybuild.registry.upload_requests import STORED, Opened, Outcome, UploadRequests
from pybuild.registry.window import Window

Source = Callable[[], Iterator[bytes]]

RESUME_FROM_BYTES = 8 << 20
"""Less is sent anew sooner than the registry is asked how much it has."""
CHUNK_BYTES = 8 << 20
"""The first size of a chunk, which is held in memory; it is halved where it is too large, too."""
_SMALLEST_CHUNK_BYTES = 128 << 10
_LARGEST_CHUNK_BYTES = 64 << 20
_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
_LOST = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}
)
"""The answers to an upload that is taken up again at a place the registry does not agree with."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One blob on its way into one repository.

    Attributes:
        source: Begins the bytes anew; called only if they must be sent.
        in_parts: Whether the registry can be trusted with a blob that comes in parts.
    """

    requests: UploadRequests
    descriptor: Descriptor
    source: Source
    in_parts: bool

    def send(self, opened: Opened | None) -> None:
        """Upload, again where that may help; opened is an upload that is open already.

        Raises:
            RegistryError: The registry refused, failed or could not be reached.
            IntegrityError: The source or the registry has other bytes than the descriptor says.
        """
        attempt = 1
        while True:
            opened = opened or self.requests.begin()
            outcome = self._put_rest(opened)
            if isinstance(outcome, Response) and outcome.status in STORED:
                return
            if self._is_too_large(outcome):
                self._send_chunks()
                return
            if opened.arrived_bytes and _is_lost(outcome):
                opened = None
            elif self.requests.again(attempt, outcome):
                opened = self._arrived(opened, outcome)
            else:
                raise self.requests.refusal(outcome)
            attempt += 1

    def _put_rest(self, opened: Opened) -> Outcome:
        offset, total = opened.arrived_bytes, self.descriptor.size_bytes
        return self.requests.put(
            opened,
            self.descriptor.digest,
            (lambda: self._bytes_from(offset)) if offset < total or not total else b"",
            total - offset,
        )

    def _bytes_from(self, offset: int) -> Iterator[bytes]:
        """The rest, as long as Content-Length promised: else the registry would wait for more."""
        sent, total = 0, self.descriptor.size_bytes
        for chunk in self.source():
            sent += len(chunk)
            if sent > total:
                break
            if sent > offset:
                yield chunk[max(0, len(chunk) - (sent - offset)) :]
        if sent != total:
            raise self._wrong_size(sent)

    def _arrived(self, opened: Opened, outcome: Outcome) -> Opened | None:
        """The upload where it broke, if it got further by it; else it is begun anew."""
        broken = isinstance(outcome, TransportError) or outcome.status >= 500  # noqa: PLR2004
        if not broken or not self.in_parts or self.descriptor.size_bytes < RESUME_FROM_BYTES:
            return None
        now = self.requests.ask(opened)
        if (
            now is None
            or not opened.arrived_bytes < now.arrived_bytes <= self.descriptor.size_bytes
        ):
            return None
        return now

    def _is_too_large(self, outcome: Outcome) -> bool:
        if isinstance(outcome, TransportError) or outcome.status != _TOO_LARGE:
            return False
        return self.in_parts and self.descriptor.size_bytes > _SMALLEST_CHUNK_BYTES

    def _send_chunks(self) -> None:
        """For registries behind a proxy that limits the size of a request."""
        opened = self.requests.begin()
        window = Window(self.source)
        size = min(max(CHUNK_BYTES, opened.least_bytes), _LARGEST_CHUNK_BYTES)
        attempt, furthest = 1, 0
        while opened.arrived_bytes < self.descriptor.size_bytes:
            outcome, length = self._patch(opened, window, size)
            if isinstance(outcome, Response) and outcome.status == HTTPStatus.ACCEPTED:
                opened = self.requests.after_patch(opened, length, outcome)
                if opened.arrived_bytes > furthest:
                    attempt, furthest = 1, opened.arrived_bytes
                continue
            if self._is_too_large(outcome) and size // 2 >= self._smallest(opened):
                size //= 2
                continue
            if not self.requests.again(attempt, _passing(outcome)):
                raise self.requests.refusal(outcome)
            attempt += 1
            opened = self.requests.ask(opened) or self.requests.begin()
        self._close(opened)

    def _smallest(self, opened: Opened) -> int:
        return max(_SMALLEST_CHUNK_BYTES, opened.least_bytes)

    def _patch(self, opened: Opened, window: Window, size: int) -> tuple[Outcome, int]:
        pieces = window.take(opened.arrived_bytes, size)
        length = sum(map(len, pieces))
        if not length:
            raise self._wrong_size(opened.arrived_bytes)
        return self.requests.patch(opened, lambda: iter(pieces), length), length

    def _close(self, opened: Opened) -> None:
        attempt = 1
        while True:
            outcome = self._put_rest(opened)
            if isinstance(outcome, Response) and outcome.status in STORED:
                return
            if not self.requests.again(attempt, outcome):
                raise self.requests.refusal(outcome)
            attempt += 1

    def _wrong_size(self, given: int) -> IntegrityError:
        return IntegrityError(
            f"{self.descriptor.digest} must have {self.descriptor.size_bytes} bytes,"
            f" its source gave {given}"
        )


def _is_lost(outcome: Outcome) -> bool:
    return isinstance(outcome, Response) and outcome.status in _LOST


def _passing(outcome: Outcome) -> Outcome:
    """What broke while the registry was still writing can be told another place a moment later."""
    if _is_lost(outcome):
        return TransportError("the registry is at another place", "broken", passing=True)
    return outcome
