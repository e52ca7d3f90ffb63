"""Image references (distribution's reference grammar, ``reference.go``)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from pybuild.digest import Digest, parse_digest
from pybuild.errors import IntegrityError, UsageError

DOCKER_HUB = "docker.io"
_HUB_ALIASES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_PATH = re.compile(
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")


@dataclass(frozen=True, slots=True, order=True)
class Repository:
    """A repository on a registry: host with port, and path.

    The host of Docker Hub is ``docker.io``, as people write it; ``registry/`` knows its API host.
    """

    registry: str
    path: str

    def __str__(self) -> str:
        return f"{self.registry}/{self.path}"


@dataclass(frozen=True, slots=True)
class Reference:
    """An image by tag, by digest, or both; then the digest decides."""

    repository: Repository
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Parse ``[host[:port]/]path[:tag][@digest]``, with Docker's defaults.

        No host is Docker Hub, a single component there lies below ``library/``, and neither tag
        nor digest is ``latest``.

        Raises:
            UsageError: text is not a reference.
        """
        rest, _, digest_text = text.partition("@")
        host, path = _split_host(rest)
        path, colon, tag = path.partition(":")
        bad = _problem(host, path, tag if colon else None)
        if bad:
            raise UsageError(f"{text!r} is not an image reference: {bad}")
        digest = _digest(text, digest_text) if "@" in text else None
        if host == DOCKER_HUB and "/" not in path:
            path = "library/" + path
        if not colon and digest is None:
            tag = "latest"
        return cls(Repository(host, path), tag or None, digest)

    @property
    def selector(self) -> str:
        """What a manifest request asks for: the digest where there is one, else the tag."""
        return self.digest or self.tag or "latest"

    def pinned(self, digest: Digest) -> Reference:
        """The same image, by this digest."""
        return replace(self, digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"


def is_host(text: str) -> bool:
    """Whether text is a registry's host, with or without a port, and nothing else."""
    return bool(_HOST.fullmatch(text))


def _split_host(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    if not is_host:
        return DOCKER_HUB, text
    return (DOCKER_HUB if first in _HUB_ALIASES else first), rest


def _problem(host: str, path: str, tag: str | None) -> str:
    if not _HOST.fullmatch(host):
        return f"the host {host!r} is malformed"
    if not _PATH.fullmatch(path):
        if path.lower() != path and _PATH.fullmatch(path.lower()):
            return "repository names are lower case"
        return f"the repository {path!r} is malformed"
    if tag is not None and not _TAG.fullmatch(tag):
        return f"the tag {tag!r} is malformed"
    return ""


def _digest(text: str, digest_text: str) -> Digest:
    try:
        return parse_digest(digest_text)
    except IntegrityError:
        raise UsageError(f"{text!r} is not an image reference: the digest is malformed") from None
