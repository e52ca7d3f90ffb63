"""What is remembered of a URL from build to build: what was there, and how to ask if it still is.

Bodies lie in the blob store, which bounds them; a record only points to one, and is of no use when
that is gone.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from pybuild.archive.disk import disk_errors
from pybuild.digest import Digest, parse_digest
from pybuild.errors import IntegrityError
from pybuild.oci.document import Node
from pybuild.oci.manifest import Descriptor

BODY = "application/octet-stream"
_SURE_AFTER_S = 1  # RFC 9110 section 8.8.2.2: then nothing else can have had the same time


@dataclass(frozen=True, slots=True)
class Record:
    """An answer to GET.

    Attributes:
        digest: Of the body.
        etag: As it was sent, or empty.
        last_modified: The same.
        date: When the server sent it, or empty.
    """

    digest: Digest
    size_bytes: int
    etag: str = ""
    last_modified: str = ""
    date: str = ""

    @property
    def body(self) -> Descriptor:
        """The body in the blob store."""
        return Descriptor(BODY, self.digest, self.size_bytes)

    @property
    def mtime_s(self) -> int:
        """The time of the file: ``Last-Modified``, or 1970 where there is none."""
        return seconds_of(self.last_modified) or 0

    def conditions(self) -> dict[str, str]:
        """Headers that make the server answer 304 where the body is the same; may be none."""
        if self.etag:
            return {"If-None-Match": self.etag}
        changed_s, sent_s = seconds_of(self.last_modified), seconds_of(self.date)
        if changed_s is None or sent_s is None or sent_s - changed_s < _SURE_AFTER_S:
            return {}
        return {"If-Modified-Since": self.last_modified}

    def is_of(self, headers: Mapping[str, str]) -> bool:
        """Whether an answer with these headers, whose body has not come, has the same body.

        Some servers send an ETag and pass over ``If-None-Match`` (moby/buildkit#905).
        """
        return bool(self.etag) and _strong(self.etag) == _strong(headers.get("ETag", ""))


class Records:
    """Records of URLs in a directory, which builds share; a file a URL, replaced as a whole."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def find(self, url: str) -> Record | None:
        """What is remembered of a URL; None where nothing is, or nothing that can be read."""
        try:
            node = Node.parse(self._path(url).read_bytes(), "a record")
            return Record(
                parse_digest(node["digest"].text()),
                node["size_bytes"].number(),
                node["etag"].text(default=""),
                node["last_modified"].text(default=""),
                node["date"].text(default=""),
            )
        except (OSError, IntegrityError):
            return None

    def keep(self, url: str, record: Record) -> None:
        """Remember an answer.

        Raises:
            StateError: The disk refuses.
        """
        path = self._path(url)
        new = path.with_name(f"{path.name}.{os.getpid()}-{id(record)}")
        with disk_errors(f"cannot write to {self._directory}"):
            self._directory.mkdir(parents=True, exist_ok=True)
            try:
                new.write_text(json.dumps(asdict(record)))
                new.replace(path)
            finally:
                with suppress(FileNotFoundError):
                    new.unlink()

    def _path(self, url: str) -> Path:
        # A URL may hold a secret, so that it is not written down.
        return self._directory / hashlib.sha256(url.encode()).hexdigest()


def seconds_of(date: str) -> int | None:
    """Seconds since 1970 of a date as HTTP writes it (RFC 9110 section 5.6.7), if it is one."""
    try:
        return max(0, int(parsedate_to_datetime(date).timestamp()))
    except (ValueError, TypeError, OverflowError):
        return None


def _strong(etag: str) -> str:
    return etag.removeprefix("W/")
