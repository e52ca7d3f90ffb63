"""Make entries be there in a directory: the one way in which layers and COPY become files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from pybuild.errors import IntegrityError
from pybuild.layers.attributes import Attributes
from pybuild.layers.failure import explained, shown
from pybuild.layers.making import Maker
from pybuild.layers.site import Site
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.touched import TouchedPaths
from pybuild.tree.walk import ancestors, join

_IMPLIED_MODE = 0o755


class Applier:
    """Applies entries one after the other; a context manager that owns every descriptor.

    Nothing is resolved through a link that leads outside: parents as if the root were ``/``, the
    last component never. Directories that the entries do not name keep their times; all times of
    directories are set by ``finish``. What cannot be had here (devices without CAP_MKNOD, owners
    without root) is warned about once, and recorded all the same.
    """

    def __init__(
        self,
        root: Path,
        warn: Callable[[str], None],
        record: Callable[[Entry], object] = lambda _entry: None,
        unset_xattrs: set[bytes] | None = None,
    ) -> None:
        """Prepare to apply entries.

        Args:
            root: An existing directory.
            warn: Told what this place cannot do, once a kind.
            record: Given what was applied, in order, at canonical paths, files with their
                digests; directories that the entries took for granted included.
            unset_xattrs: Gets the names of extended attributes that this place refused.
        """
        self._record_entry = record
        self._site = Site(root)
        self._dirs = self._site.directories
        unset = set() if unset_xattrs is None else unset_xattrs
        self._maker = Maker(self._site, Attributes(warn, unset))
        self._touched = TouchedPaths()

    def __enter__(self) -> Self:
        self._site.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._site.__exit__(kind, error, trace)

    def apply(self, entry: Entry, content: Iterable[bytes] = ()) -> None:
        """Make one entry be there.

        Args:
            entry: Replaces what has its name, except a directory an existing directory. A
                whiteout hides what was there before this Applier, never what it made.
            content: A FILE's bytes; taken once.

        Raises:
            IntegrityError: The entry makes no sense in this tree.
            StateError: The disk is full or refuses.
        """
        try:
            self._dirs.trim()
            match entry.kind:
                case Kind.OPAQUE:
                    self._hide_all(entry)
                case Kind.WHITEOUT:
                    self._hide(entry)
                case _ if not entry.path:
                    self._update_root(entry)
                case _:
                    self._create(entry, content)
        except OSError as error:
            raise explained(error, entry) from error

    def finish(self) -> None:
        """Set the times of directories; the tree is complete then."""
        self._site.finish()

    def _create(self, entry: Entry, content: Iterable[bytes]) -> None:
        directory, _, name = entry.path.rpartition(b"/")
        parent, fd = self._parent(directory)
        path = join(parent, name)
        digest = b""
        match entry.kind:
            case Kind.FILE:
                digest = self._maker.file(fd, path, entry, content)
            case Kind.DIRECTORY:
                self._maker.directory(fd, path, entry)
            case Kind.SYMLINK:
                self._maker.symlink(fd, path, entry)
            case Kind.HARDLINK:
                entry = self._maker.hard_link(fd, path, entry)
            case _:
                self._maker.node(fd, path, entry)
        self._record(entry, path, digest)

    def _update_root(self, entry: Entry) -> None:
        if entry.kind is not Kind.DIRECTORY:
            raise IntegrityError(f"the root of the tree would become a {entry.kind.value}")
        self._maker.update_directory(self._dirs.open(b""), b"", entry, existed=True)
        self._record(entry, b"", b"")

    def _hide(self, entry: Entry) -> None:
        """Remove what was at this name before."""
        path = entry.path
        try:
            parent, fd = self._dirs.find(entry.parent)
        except (FileNotFoundError, NotADirectoryError):
            pass  # there is nothing to hide
        else:
            path = join(parent, entry.name)
            self._site.pending.visit(parent, fd)
            self._site.hide(fd, path, self._touched.__contains__)
        self._record_entry(entry if path == entry.path else entry.at(path))

    def _hide_all(self, entry: Entry) -> None:
        """Remove what was in this directory before; it is made where it is missing."""
        path, fd = self._parent(entry.path)
        self._site.hide_all(fd, path, self._touched.__contains__)
        self._record_entry(entry if path == entry.path else entry.at(path))

    def _parent(self, path: bytes) -> tuple[bytes, int]:
        """The directory an entry goes into, made where it is missing."""
        try:
            canonical, fd = self._dirs.find(path)
        except FileNotFoundError:
            canonical = self._dirs.canonical(path)
            for directory in (*reversed(list(ancestors(canonical))), canonical):
                self._imply(directory)
            fd = self._dirs.open(canonical)
        self._site.pending.visit(canonical, fd)
        return canonical, fd

    def _imply(self, path: bytes) -> None:
        """Make a directory that entries take for granted, the same way on every machine."""
        try:
            self._dirs.open(path)
        except FileNotFoundError:
            self._create(Entry(path, Kind.DIRECTORY, _IMPLIED_MODE), ())

    def _record(self, entry: Entry, path: bytes, digest: bytes) -> None:
        if entry.digest and entry.digest != digest:
            raise IntegrityError(
                f"{shown(path)} is not what it was when the build read it first",
                hint="let nothing write to the files while the build reads them",
            )
        if digest != entry.digest or path != entry.path:
            entry = entry.hashed(path, digest)
        self._record_entry(entry)
        self._touched.add(path)
