"""An answer, whole or streamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

import urllib3
from urllib3 import exceptions as faults

from pybuild.http.errors import TransportError
from pybuild.http.failures import failure_of
from pybuild.http.origin import Origin

CHUNK_BYTES = 256 << 10
MAX_DOCUMENT_BYTES = 16 << 20  # four times what distribution-spec asks registries to accept


class Response:
    """An answer; one that is streamed must be read to its end or closed.

    Attributes:
        url: Where it came from after redirects.
        headers: Case does not matter; several of one name are joined by commas.
        body: All of it; empty where the answer is streamed.
    """

    def __init__(self, raw: urllib3.BaseHTTPResponse, url: str, *, stream: bool) -> None:
        self.status: int = raw.status
        self.url = url
        self.headers: Mapping[str, str] = raw.headers
        self._raw = raw
        # An error's text is read at once, so that whoever reports it need not know of streams.
        self.body = b"" if stream and self.ok else self._document()

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - RFC 9110 section 15.3

    def chunks(self) -> Iterator[bytes]:
        """The streamed body, as it comes.

        Raises:
            TransportError: The connection broke before the end.
        """
        try:
            yield from self._raw.stream(CHUNK_BYTES, decode_content=False)
        except (faults.HTTPError, OSError) as error:
            raise failure_of(error, Origin.of(self.url)) from None
        finally:
            self.close()

    def close(self) -> None:
        """Give up what was not read; idempotent."""
        self._raw.close()
        self._raw.release_conn()

    def _document(self) -> bytes:
        origin = Origin.of(self.url)
        body = bytearray()
        try:
            for chunk in self._raw.stream(CHUNK_BYTES, decode_content=False):
                body += chunk
                if len(body) > MAX_DOCUMENT_BYTES:
                    self.close()
                    limit = MAX_DOCUMENT_BYTES >> 20
                    raise TransportError(f"{origin} sent more than {limit} MiB", "large")
        except (faults.HTTPError, OSError) as error:
            raise failure_of(error, origin) from None
        return bytes(body)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
