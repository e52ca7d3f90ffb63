"""Whiteouts as layers write them (image-spec layer.md, "Whiteouts"): names that begin with .wh."""

from __future__ import annotations

from dataclasses import replace

from pybuild.archive.errors import ArchiveError
from pybuild.errors import DockerfileError
from pybuild.imagepath import ImagePath
from pybuild.tree.entry import Entry, Kind

_PREFIX = b".wh."
_OPAQUE = b".wh..wh..opq"
_AUFS = b".wh..wh."  # AUFS's own files, which old Docker layers hold and every builder passes over


def encode(entry: Entry) -> Entry:
    """The entry as a tar holds it: a whiteout becomes an empty file, all else stays.

    Raises:
        DockerfileError: A real name that a layer would take for a whiteout.
    """
    match entry.kind:
        case Kind.WHITEOUT:
            path = _join(entry.parent, _PREFIX + entry.name)
        case Kind.OPAQUE:
            path = _join(entry.path, _OPAQUE)
        case _:
            if entry.name.startswith(_PREFIX):
                raise DockerfileError(
                    f"{ImagePath.parse(entry.path)} cannot be in an image: in a layer a name that "
                    "begins with .wh. deletes another one",
                    hint="give it another name",
                )
            return entry
    return replace(entry, path=path, kind=Kind.FILE, digest=b"")


def decode(entry: Entry) -> Entry | None:
    """What a tar's entry means in a layer; None where it means nothing.

    Raises:
        ArchiveError: A whiteout of no name, of ``.`` or of ``..``.
    """
    if _PREFIX not in entry.path:
        return entry
    name = entry.name
    if name == _OPAQUE:
        return replace(entry, path=entry.parent, kind=Kind.OPAQUE, size=0, link=b"")
    if b"/" + _AUFS in b"/" + entry.path:
        return None
    if not name.startswith(_PREFIX):
        return entry
    hidden = name.removeprefix(_PREFIX)
    if hidden in {b"", b".", b".."}:
        raise ArchiveError(f"{entry.path[:200]!r} is a whiteout of nothing")
    path = _join(entry.parent, hidden)
    return replace(entry, path=path, kind=Kind.WHITEOUT, size=0, link=b"")


def _join(directory: bytes, name: bytes) -> bytes:
    return directory + b"/" + name if directory else name
