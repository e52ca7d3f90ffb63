"""A URL as the context: an archive, or a text that is a Dockerfile without files beside it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from pybuild.context.http_failure import broken
from pybuild.context.http_get import Getter, body_of
from pybuild.context.tar import unpack_or_read
from pybuild.dockerfile.remote_address import shown
from pybuild.http import TransportError
from pybuild.ports import FetchedContext


@dataclass(frozen=True, slots=True)
class HttpContext:
    """``https://host/context.tar.gz``, in any compression, or ``https://host/Dockerfile``."""

    url: str
    getter: Getter
    sub_path: str = ""

    def fetch(self, into: Path) -> FetchedContext:
        """Unpack it while it is downloaded; where the connection breaks, begin anew.

        Raises:
            ContextError: It cannot be had, or is neither an archive nor a text.
        """
        attempt = 1
        while True:
            place = into / f"attempt-{attempt}"
            place.mkdir()
            with self.getter.get(self.url) as response:
                try:
                    body = body_of(response, self.url)
                    return unpack_or_read(body, place, self.sub_path, source=shown(self.url))
                except TransportError as error:
                    if not self.getter.transport.retries.again(attempt, error):
                        raise broken(self.url, error) from None
            shutil.rmtree(place, ignore_errors=True)
            attempt += 1
