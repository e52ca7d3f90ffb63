"""Unpack an archive into the destination, by the rules of moby's ``go-archive``.

It is unpacked as if the destination directory were the root of everything: links in it, its own
and those that are there, lead nowhere else.
"""

from __future__ import annotations

import os
from dataclasses import replace

from pybuild.imagepath import ImagePath
from pybuild.placement.directory import NEW_DIRECTORY_MODE
from pybuild.placement.draft import Draft
from pybuild.placement.errors import PlacementError
from pybuild.placement.origins import Origin
from pybuild.placement.part import ArchivePart, Member
from pybuild.placement.spec import CopySpec
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.links import LinkLoop, resolve
from pybuild.tree.walk import join

_LINK_MODE = 0o777  # Linux has no other, whatever the archive says


class Unpacker:
    """Writes one archive to a draft. Neither ``--chmod`` nor ``--exclude`` apply to it."""

    def __init__(self, spec: CopySpec, draft: Draft, part: ArchivePart, number: int) -> None:
        self._spec = spec
        self._draft = draft
        self._part = part
        self._number = number
        self._rooted = _Rooted(draft)
        self._names: dict[int, set[bytes]] = {}  # of files with more than one, by number
        mtime_ns = spec.time(spec.now_ns)
        self._implied = Entry(b"", Kind.DIRECTORY, NEW_DIRECTORY_MODE, mtime_ns=mtime_ns)

    def unpack(self) -> None:
        """Write every member.

        Raises:
            PlacementError: The destination or what a member is to lie in is no directory, or a
                hard link has no target.
        """
        uid, gid = self._spec.owner or (0, 0)
        top = self._draft.resolve(self._spec.target)
        self._draft.make_directories(top, replace(self._implied, uid=uid, gid=gid))
        self._rooted.root = top
        for member in self._part.members:
            if member.entry.path:  # what an archive says of its root is not for the destination
                self._put(member)

    def _put(self, member: Member) -> None:
        path = self._place(member.entry)
        self._make_room(member.entry, path)
        if member.entry.kind is Kind.HARDLINK:
            self._link(member.entry, self._target(member.entry), path)
        else:
            self._write(member, path)

    def _place(self, entry: Entry) -> bytes:
        """Where a member goes, the directories above it made; parents are root's, whoever asks."""
        path = self._resolve(entry, entry.path)
        try:
            self._draft.make_directories(path.rpartition(b"/")[0], self._implied)
        except PlacementError as error:
            raise self._refused(entry, str(error)) from None
        return path

    def _make_room(self, entry: Entry, path: bytes) -> None:
        """Directories merge, all else replaces."""
        existing = self._draft.get(path)
        is_merged = (
            existing is not None
            and existing.kind is Kind.DIRECTORY
            and entry.kind is Kind.DIRECTORY
        )
        if existing is not None and not is_merged:
            self._draft.remove(path)

    def _write(self, member: Member, path: bytes) -> None:
        entry = member.entry
        existing = self._draft.get(path)
        xattrs = entry.xattrs
        if existing is not None:  # a directory
            xattrs = tuple(sorted({**dict(existing.xattrs), **dict(xattrs)}.items()))
        self._draft.write(
            replace(self._dressed(entry, entry), path=path, xattrs=xattrs),
            Origin(self._number, member.source),
        )

    def _target(self, link: Entry) -> Entry:
        path = self._resolve(link, link.link)
        target = self._draft.get(path)
        if target is None:
            raise self._refused(link, f"link {_shown(link.link)}: no such file or directory")
        if target.kind is Kind.DIRECTORY:
            raise self._refused(link, f"link {_shown(link.link)}: operation not permitted")
        return target

    def _link(self, link: Entry, target: Entry, path: bytes) -> None:
        """One more name; what the link's header says of owner, mode and time is said of all."""
        if target.kind is not Kind.FILE:
            self._draft.write(replace(target, path=path), self._draft.origin(target.path))
            return
        origin = self._draft.origin(target.path) or Origin(None, target.path)
        if not origin.file:
            origin = replace(origin, file=self._draft.new_file())
        names = self._names.setdefault(origin.file, set())
        names |= {target.path, path}
        dressed = self._dressed(target, link)
        for name in names:
            if name == path or self._is_still(name, origin.file, target.path):
                self._draft.write(replace(dressed, path=name, file_id=0), origin)

    def _is_still(self, name: bytes, file: int, target: bytes) -> bool:
        if name == target:
            return True
        origin = self._draft.origin(name)
        return origin is not None and origin.file == file

    def _dressed(self, entry: Entry, header: Entry) -> Entry:
        """The entry with owner, mode and time of a header."""
        uid, gid = self._spec.owner or (header.uid, header.gid)
        mode = _LINK_MODE if entry.kind is Kind.SYMLINK else header.mode
        mtime_ns = self._spec.time(max(header.mtime_ns, 0))  # before 1970 is 1970, as for Docker
        return replace(entry, uid=uid, gid=gid, mode=mode, mtime_ns=mtime_ns)

    def _resolve(self, entry: Entry, path: bytes) -> bytes:
        try:
            found = resolve(self._rooted, ImagePath(path), follow_last=False)
        except LinkLoop as loop:
            raise self._refused(entry, str(loop)) from None
        return self._rooted.below(found.relative)

    def _refused(self, entry: Entry, why: str) -> PlacementError:
        return PlacementError(f"cannot unpack {_shown(entry.path)} of {self._part.name}: {why}")


class _Rooted:
    """A draft as it looks with one of its directories as the root."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self.root = b""

    def below(self, path: bytes) -> bytes:
        """A path of this tree in the draft."""
        return join(self.root, path) if path else self.root

    def get(self, path: bytes) -> Entry | None:
        return self._draft.get(self.below(path))

    def children(self, path: bytes) -> tuple[bytes, ...]:
        return self._draft.children(self.below(path))


def _shown(path: bytes) -> str:
    return os.fsdecode(path[:200])
