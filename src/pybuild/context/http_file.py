"""A file at a URL, for ADD: identified by its bytes, downloaded once, kept in the blob store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from pybuild.archive.disk import disk_errors
from pybuild.context.http_failure import broken
from pybuild.context.http_get import Getter, body_of
from pybuild.context.http_records import BODY, Record, Records
from pybuild.digest import Digest, parse_digest
from pybuild.dockerfile.remote_address import file_name, shown
from pybuild.errors import ContextError, IntegrityError
from pybuild.http import Response, TransportError
from pybuild.ports import BlobStore

_MODE = 0o600  # dockerfile2llb: no permissions are given, source/http's default
_PIECE_BYTES = 1 << 20
_LONGEST_NAME_BYTES = 255  # NAME_MAX


@dataclass(frozen=True, slots=True)
class Identified:
    """What was found out about the file at a URL.

    Attributes:
        identity: Its bytes, name and time, for a key.
        digest: Of its bytes.
        record: What was last seen at the URL, which may be something else; or None.
    """

    identity: bytes
    digest: Digest
    record: Record | None


@dataclass(frozen=True, slots=True)
class HttpFiles:
    """Files at URLs.

    Attributes:
        records: What earlier builds found there.
    """

    getter: Getter
    store: BlobStore
    records: Records

    def identify(self, url: str, checksum: str) -> Identified:
        """Find out what is at a URL.

        With a checksum nothing is asked: the digest is known, and the time is not part of the key,
        as in BuildKit.

        Raises:
            ContextError: It cannot be had, or the checksum is none.
        """
        name = _checked_name(url)
        if checksum:
            digest = check_digest(checksum)
            return Identified(_identity(digest, name, ""), digest, self.records.find(url))
        record = self._current(url)
        return Identified(
            _identity(record.digest, name, str(record.mtime_s)), record.digest, record
        )

    def fetch(self, url: str, identified: Identified, into: Path) -> str:
        """Have the file in a directory.

        Args:
            url: Where it is.
            identified: What was found out about it.
            into: An empty directory.

        Returns:
            Its name.

        Raises:
            ContextError: It cannot be had, or is another file by now.
        """
        digest, record = identified.digest, identified.record
        if record is None or record.digest != digest or digest not in self.store:
            record = self._download(url, digest)
        name = _checked_name(url)
        self._write(record, into / name)
        return name

    def _current(self, url: str) -> Record:
        """The file as it is now; it is downloaded only where it may be another one."""
        known = self.records.find(url)
        if known is None or known.digest not in self.store:
            return self._download(url, None)
        conditions = known.conditions()
        if not conditions:
            return self._download(url, None)
        with self.getter.get(url, conditions) as response:
            if response.status == HTTPStatus.NOT_MODIFIED or known.is_of(response.headers):
                return known
            with suppress(TransportError):  # then it is begun anew
                return self._save(url, response, None)
        return self._download(url, None)

    def _download(self, url: str, digest: Digest | None) -> Record:
        attempt = 1
        while True:
            with self.getter.get(url) as response:
                try:
                    return self._save(url, response, digest)
                except TransportError as error:
                    if not self.getter.transport.retries.again(attempt, error):
                        raise broken(url, error) from None
            attempt += 1

    def _save(self, url: str, response: Response, digest: Digest | None) -> Record:
        with self.store.writer() as writer:
            for piece in body_of(response, url):
                writer.write(piece)
            try:
                body = writer.commit(BODY, digest)
            except IntegrityError as error:
                raise ContextError(
                    f"digest mismatch for {shown(url)}: {error.message}",
                    hint="correct --checksum, or find out who changed the file",
                ) from None
        record = _record(body.digest, body.size_bytes, response.headers)
        self.records.keep(url, record)
        return record

    def _write(self, record: Record, path: Path) -> None:
        with self.store.open(record.body) as body, disk_errors(f"cannot write {path}"):
            with path.open("xb") as file:
                while piece := body.read(_PIECE_BYTES):
                    file.write(piece)
            path.chmod(_MODE)
            os.utime(path, (record.mtime_s, record.mtime_s))


def check_digest(checksum: str) -> Digest:
    """A checksum of a file.

    Raises:
        ContextError: It is not a sha256 digest.
    """
    try:
        return parse_digest(checksum)
    except IntegrityError:
        raise ContextError(
            f"invalid checksum {checksum[:80]!r}: a file's checksum is a sha256 digest",
            hint="write sha256: and the 64 digits that sha256sum prints",
        ) from None


def _record(digest: Digest, size_bytes: int, headers: Mapping[str, str]) -> Record:
    return Record(
        digest,
        size_bytes,
        headers.get("ETag", ""),
        headers.get("Last-Modified", ""),
        headers.get("Date", ""),
    )


def _identity(digest: Digest, name: str, time: str) -> bytes:
    return f"http 1\0{digest}\0{time}\0{name}".encode("utf-8", "surrogateescape")


def _checked_name(url: str) -> str:
    name = file_name(url)
    if len(os.fsencode(name)) > _LONGEST_NAME_BYTES:
        raise ContextError(
            f"the file at {shown(url)[:200]} would have a name of more than"
            f" {_LONGEST_NAME_BYTES} bytes",
            hint="download it in a RUN, under another name",
        )
    return name
