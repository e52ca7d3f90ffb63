"""COPY: where everything that is selected goes, as the entries of a layer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pybuild.imagepath import ImagePath
from pybuild.placement.directory import NEW_DIRECTORY_MODE
from pybuild.placement.draft import Draft
from pybuild.placement.select import Selected, select
from pybuild.placement.spec import CopySpec, PlacementError
from pybuild.tree.change import hard_link
from pybuild.tree.entry import Entry, Kind, Tree
from pybuild.tree.walk import join

_PARENT_PERMISSIONS = 0o755  # BuildKit makes parents by mkdir, under umask 022


@dataclass(frozen=True, slots=True)
class Placed:
    """One entry of the layer.

    Attributes:
        entry: With its path in the destination.
        source: The path in the source tree it is a copy of; None for a parent that was made.
    """

    entry: Entry
    source: bytes | None


def place(spec: CopySpec, source: Tree, destination: Tree) -> tuple[Placed, ...]:
    """The layer of a COPY: everything it writes, and nothing else, parents first.

    The rules are those of BuildKit's ``fsutil/copy``, source by source, each seeing what those
    before it wrote. Names of one file stay so where one source copies them: the bytewise first
    is the file, the others are hard links to it. As with BuildKit, which copies each source and
    each match of a wildcard on its own, names that two of them copy become two files.

    Args:
        spec: What to copy.
        source: The context or another stage.
        destination: The tree that the layer goes on top of.

    Raises:
        SourceMissing: As ``select`` does.
        PlacementError: A directory would replace a file or a file a directory, something that
            must be a directory is none, links lead in a circle, or a pattern is malformed.
    """
    copy = _Copy(spec, source, Draft(destination))
    for selected in select(spec, source):
        copy.add(selected)
    return copy.placed()


class _Copy:
    """A COPY on its way: what was written, and what each of it is a copy of."""

    def __init__(self, spec: CopySpec, source: Tree, draft: Draft) -> None:
        self._spec = spec
        self._source = source
        self._draft = draft
        self._origins: dict[bytes, bytes] = {}
        self._files: dict[bytes, tuple[int, int]] = {}  # path → number of the source, file_id
        self._sources = 0
        uid, gid = spec.owner or (0, 0)
        mode = NEW_DIRECTORY_MODE if spec.chmod is None else spec.chmod & _PARENT_PERMISSIONS
        self._new = Entry(b"", Kind.DIRECTORY, mode, uid, gid, spec.time(spec.now_ns))

    def add(self, selected: Selected) -> None:
        """Copy one source, or one match of its wildcards."""
        self._sources += 1
        target = self._spec.target
        directory = target if self._spec.into_directory else target.parent
        self._draft.make_directories(self._draft.resolve(directory), self._new)

        path = self._draft.resolve(target)
        if selected.entry.kind is Kind.DIRECTORY:
            self._add_contents(selected, path)
        else:
            self._add_file(selected, path)

    def placed(self) -> tuple[Placed, ...]:
        """Everything that was written, in bytewise order."""
        first_names: dict[tuple[int, int], bytes] = {}
        placed: list[Placed] = []
        for entry in self._draft.written():
            file = self._files.get(entry.path)
            first = entry.path if file is None else first_names.setdefault(file, entry.path)
            one = entry if first == entry.path else hard_link(entry, first)
            placed.append(Placed(one, self._origins.get(entry.path)))
        return tuple(placed)

    def _add_file(self, selected: Selected, path: bytes) -> None:
        existing = self._draft.get(path)
        if existing is not None and existing.kind is Kind.DIRECTORY:
            path = join(path, selected.name)
        self._draft.make_directories(path.rpartition(b"/")[0], self._new)
        self._write(selected.entry, path)

    def _add_contents(self, selected: Selected, path: bytes) -> None:
        """Copy what is in a directory; the destination itself only takes its time."""
        if self._draft.get(path) is None:
            self._draft.make_directories(path, self._new)
        top = self._draft.get(path)
        if top is None or top.kind is not Kind.DIRECTORY:
            raise _no_directory(path)
        mtime_ns = self._spec.time(selected.entry.mtime_ns)
        self._put(replace(top, mtime_ns=mtime_ns), selected.path)

        pending = [(selected.path, path)]
        while pending:
            directory, target = pending.pop()
            for name in self._source.children(directory):
                entry = self._source.get(join(directory, name))
                if entry is None:
                    continue
                below = join(target, name)
                self._write(entry, below)
                if entry.kind is Kind.DIRECTORY:
                    pending.append((entry.path, below))

    def _write(self, entry: Entry, path: bytes) -> None:
        existing = self._draft.get(path)
        xattrs = entry.xattrs
        if existing is not None:
            self._refuse_other_type(entry, existing)
            if entry.kind is Kind.DIRECTORY:
                xattrs = tuple(sorted({**dict(existing.xattrs), **dict(xattrs)}.items()))

        uid, gid = self._spec.owner_of(entry)
        copied = replace(
            entry,
            path=path,
            uid=uid,
            gid=gid,
            mode=self._spec.mode_of(entry),
            mtime_ns=self._spec.time(entry.mtime_ns),
            xattrs=xattrs,
            file_id=0,
        )
        self._put(copied, entry.path)
        if entry.file_id and entry.kind is Kind.FILE:
            self._files[path] = (self._sources, entry.file_id)

    def _refuse_other_type(self, entry: Entry, existing: Entry) -> None:
        if existing.kind is Kind.DIRECTORY and entry.kind is not Kind.DIRECTORY:
            shown = ImagePath(existing.path)
            raise PlacementError(f"cannot replace to directory {shown} with file")
        if existing.kind is not Kind.DIRECTORY and entry.kind is Kind.DIRECTORY:
            raise _no_directory(existing.path)

    def _put(self, entry: Entry, origin: bytes) -> None:
        self._draft.write(entry)
        self._origins[entry.path] = origin
        self._files.pop(entry.path, None)


def _no_directory(path: bytes) -> PlacementError:
    return PlacementError(f"cannot copy to non-directory: {ImagePath(path)}")
