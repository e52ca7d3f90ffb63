"""What kind of remote source a text names, and what its file is called (BuildKit ``dfgitutil``)."""

from __future__ import annotations

import enum
import re
from urllib.parse import unquote, urlsplit

_SCHEME = re.compile(r"([A-Za-z0-9]+)://")
_SCP = re.compile(r"[A-Za-z0-9_-]+@[A-Za-z0-9.-]+:")  # buildkit/util/sshutil
_UNNAMED = "__unnamed__"  # dockerfile2llb dispatchCopy


class RemoteKind(enum.Enum):
    """How a remote source is fetched."""

    HTTP = "http"
    GIT = "git"


def remote_kind(source: str) -> RemoteKind | None:
    """The kind of a source of ADD or of a named context; None for one that is local.

    ``git://…``, ``ssh://…`` and ``user@host:…`` are git, ``http(s)://…`` is where its path ends
    with ``.git``.
    """
    match = _SCHEME.match(source)
    if match is None:
        return RemoteKind.GIT if _SCP.match(source) else None
    scheme = match[1].lower()
    if scheme in {"git", "ssh"}:
        return RemoteKind.GIT
    if scheme not in {"http", "https"}:
        return None
    path = source[match.end() :].partition("#")[0].partition("?")[0]
    return RemoteKind.GIT if path.endswith(".git") and "/" in path else RemoteKind.HTTP


def file_name(url: str) -> str:
    """What the file of an http URL is called: the last component of the URL's path."""
    try:
        path = unquote(urlsplit(url).path)
    except ValueError:
        return _UNNAMED
    name = path.rstrip("/").rpartition("/")[2]
    return _UNNAMED if name in {"", ".", ".."} or "\0" in name else name


def shown(source: str) -> str:
    """A source as it may be printed: without a user, a password and a query, which may be secret.

    The query of a git source is what to take from it, and stays.
    """
    match = _SCHEME.match(source)
    if match is None:
        return source
    authority, slash, path = source[match.end() :].partition("/")
    rest = authority.rpartition("@")[2] + slash + path
    if remote_kind(source) is RemoteKind.HTTP:
        rest = rest.partition("#")[0].partition("?")[0]
    return match[0] + rest
