"""Copy names of a tree to the destination, by the rules of BuildKit's ``fsutil/copy``."""

from __future__ import annotations

from dataclasses import replace

from pybuild.imagepath import ImagePath
from pybuild.placement.directory import NEW_DIRECTORY_MODE
from pybuild.placement.draft import Draft
from pybuild.placement.errors import PlacementError
from pybuild.placement.kept import Kept, kept
from pybuild.placement.origins import Origin
from pybuild.placement.part import TreePart
from pybuild.placement.select import Selected
from pybuild.placement.spec import CopySpec
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.walk import join


class Copier:
    """Writes one part to a draft."""

    def __init__(self, spec: CopySpec, draft: Draft, part: TreePart, number: int) -> None:
        self._spec = spec
        self._draft = draft
        self._part = part
        self._number = number
        self._files: dict[int, int] = {}  # of one source: file_id → number in the draft
        uid, gid = spec.owner or (0, 0)
        mode = NEW_DIRECTORY_MODE if spec.chmod is None else spec.chmod.parents
        self._new = Entry(b"", Kind.DIRECTORY, mode, uid, gid, spec.time(spec.now_ns))

    def copy(self) -> None:
        """Copy every selected name.

        Raises:
            PlacementError: As ``place`` does.
        """
        target = self._spec.target
        directory = target if self._spec.into_directory else target.parent
        for selected in self._part.selected:
            self._files.clear()
            self._draft.make_directories(self._draft.resolve(directory), self._new)
            path = self._draft.resolve(target)
            if selected.entry.kind is Kind.DIRECTORY:
                self._copy_contents(selected, path)
            else:
                self._copy_file(selected, path)

    def _copy_file(self, selected: Selected, path: bytes) -> None:
        existing = self._draft.get(path)
        if existing is not None and existing.kind is Kind.DIRECTORY:
            path = join(path, selected.name)
        self._draft.make_directories(path.rpartition(b"/")[0], self._new)
        self._write(selected.entry, path)

    def _copy_contents(self, selected: Selected, path: bytes) -> None:
        """Copy what is in a directory; a destination that is there only takes its time."""
        self._prepare(selected, path)
        for one in kept(self._part.tree, selected, self._part.patterns):
            below = join(path, one.path)
            if one.on_the_way:
                self._pass(one, below)
            else:
                self._write(one.entry, below)

    def _prepare(self, selected: Selected, path: bytes) -> None:
        top = self._draft.get(path)
        if top is None and self._part.whole:
            self._draft.make_directories(path.rpartition(b"/")[0], self._new)
            self._write(selected.entry, path)
            return
        if top is None:
            self._draft.make_directories(path, self._new)
            top = self._new.at(path)
        if top.kind is not Kind.DIRECTORY:
            raise _no_directory(path)
        mtime_ns = self._spec.time(selected.entry.mtime_ns)
        self._draft.write(replace(top, mtime_ns=mtime_ns), Origin(self._number, selected.path))

    def _pass(self, one: Kept, path: bytes) -> None:
        """Have a directory for what is copied into it: like the source's, or with its mode."""
        existing = self._draft.get(path)
        if existing is None:
            self._write(one.entry, path)
        elif existing.kind is not Kind.DIRECTORY:
            raise _no_directory(path)
        elif existing.mode != one.entry.mode:
            self._draft.write(replace(existing, mode=one.entry.mode), self._draft.origin(path))

    def _write(self, entry: Entry, path: bytes) -> None:
        existing = self._draft.get(path)
        xattrs = entry.xattrs
        if existing is not None:
            _refuse_other_type(entry, existing)
            if entry.kind is Kind.DIRECTORY:
                xattrs = tuple(sorted({**dict(existing.xattrs), **dict(xattrs)}.items()))

        uid, gid = self._owner_of(entry)
        mode, mtime_ns = self._spec.mode_of(entry), self._spec.time(entry.mtime_ns)
        copied = Entry(  # cheaper than ``replace``; it is called for every file
            path, entry.kind, mode, uid, gid, mtime_ns, entry.size,
            entry.link, entry.device, xattrs, entry.digest,
        )  # fmt: skip
        self._draft.write(copied, Origin(self._number, entry.path, self._file(entry)))

    def _file(self, entry: Entry) -> int:
        if not entry.file_id or entry.kind is not Kind.FILE:
            return 0
        if entry.file_id not in self._files:
            self._files[entry.file_id] = self._draft.new_file()
        return self._files[entry.file_id]

    def _owner_of(self, entry: Entry) -> tuple[int, int]:
        if self._spec.owner is not None:
            return self._spec.owner
        return (entry.uid, entry.gid) if self._part.keep_owner else (0, 0)


def _refuse_other_type(entry: Entry, existing: Entry) -> None:
    if existing.kind is Kind.DIRECTORY and entry.kind is not Kind.DIRECTORY:
        raise PlacementError(f"cannot replace to directory {ImagePath(existing.path)} with file")
    if existing.kind is not Kind.DIRECTORY and entry.kind is Kind.DIRECTORY:
        raise _no_directory(existing.path)


def _no_directory(path: bytes) -> PlacementError:
    return PlacementError(f"cannot copy to non-directory: {ImagePath(path)}")
