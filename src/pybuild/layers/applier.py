"""Make entries be there in a directory: the one way in which layers and COPY become files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from pybuild.archive.disk import disk_errors
from pybuild.errors import IntegrityError
from pybuild.layers.attributes import Attributes
from pybuild.layers.beneath import Beneath, ancestors, is_not_directory
from pybuild.layers.failure import explained, shown
from pybuild.layers.filling import fill
from pybuild.layers.pending import PendingDirectories
from pybuild.layers.removal import names, remove_directory, remove_except
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.touched import TouchedPaths

_T = TypeVar("_T")
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_IMPLIED_MODE = 0o755
_NODES = {
    Kind.FIFO: stat.S_IFIFO,
    Kind.CHARACTER_DEVICE: stat.S_IFCHR,
    Kind.BLOCK_DEVICE: stat.S_IFBLK,
}


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
        self._root = root
        self._stack = ExitStack()
        self._dirs = Beneath(root)
        self._attributes = Attributes(warn, set() if unset_xattrs is None else unset_xattrs)
        self._pending = PendingDirectories()
        self._touched = TouchedPaths()
        self._unmade: set[bytes] = set()  # names of devices that could not be made

    def __enter__(self) -> Self:
        with disk_errors(f"cannot open the tree {self._root}"):
            self._stack.enter_context(self._dirs)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

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
        with disk_errors(f"cannot set the times of directories in {self._root}"):
            self._pending.finish(self._open_one)

    def _open_one(self, path: bytes) -> int:
        self._dirs.trim()
        return self._dirs.open(path)

    def _create(self, entry: Entry, content: Iterable[bytes]) -> None:
        directory, _, name = entry.path.rpartition(b"/")
        parent, parent_fd = self._parent(directory)
        path = _join(parent, name)
        digest = b""
        match entry.kind:
            case Kind.FILE:
                digest = self._file(parent_fd, path, entry, content)
            case Kind.DIRECTORY:
                self._directory(parent_fd, path, entry)
            case Kind.SYMLINK:
                self._symlink(parent_fd, path, entry)
            case Kind.HARDLINK:
                entry = self._hard_link(parent_fd, path, entry)
            case _:
                self._node(parent_fd, path, entry)
        self._record(entry, path, digest)

    def _file(self, parent_fd: int, path: bytes, entry: Entry, content: Iterable[bytes]) -> bytes:
        name = _name(path)
        try:
            fd = os.open(name, _NEW_FILE, 0o600, dir_fd=parent_fd)
        except FileExistsError:
            self._remove(parent_fd, path)
            fd = os.open(name, _NEW_FILE, 0o600, dir_fd=parent_fd)
        try:
            digest = fill(fd, content)
            self._attributes.apply(fd, entry, entry.mode)
            os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))
        finally:
            os.close(fd)
        return digest

    def _directory(self, parent_fd: int, path: bytes, entry: Entry) -> None:
        name = _name(path)
        try:
            os.mkdir(name, 0o700, dir_fd=parent_fd)
            existed = False
        except FileExistsError:
            existed = True
        try:
            fd = self._dirs.open(path)
        except OSError as error:
            if not is_not_directory(error):
                raise
            self._remove(parent_fd, path)
            os.mkdir(name, 0o700, dir_fd=parent_fd)
            existed = False
            fd = self._dirs.open(path)
        self._update_directory(fd, path, entry, existed=existed)

    def _update_directory(self, fd: int, path: bytes, entry: Entry, *, existed: bool) -> None:
        if existed:
            self._attributes.drop_xattrs(fd, entry)
        mode = self._pending.update(path, entry.mtime_ns, entry.mode)
        self._attributes.apply(fd, entry, mode)

    def _update_root(self, entry: Entry) -> None:
        if entry.kind is not Kind.DIRECTORY:
            raise IntegrityError(f"the root of the tree would become a {entry.kind.value}")
        self._update_directory(self._dirs.open(b""), b"", entry, existed=True)
        self._record(entry, b"", b"")

    def _symlink(self, parent_fd: int, path: bytes, entry: Entry) -> None:
        self._make(parent_fd, path, lambda: os.symlink(entry.link, entry.name, dir_fd=parent_fd))
        self._attributes.apply_link(parent_fd, entry.name, entry)

    def _hard_link(self, parent_fd: int, path: bytes, entry: Entry) -> Entry:
        directory, _, source = entry.link.rpartition(b"/")
        canonical, source_fd = self._dirs.find(directory)
        target = _join(canonical, source)
        if target.startswith(path + b"/"):
            raise IntegrityError(f"{shown(path)} would replace its own directory")
        try:  # before anything makes way
            os.stat(source, dir_fd=source_fd, follow_symlinks=False)
        except FileNotFoundError:
            if target not in self._unmade:
                raise
            self._vanish(parent_fd, path)
            self._unmade.add(path)
            return _linked_to(entry, target)

        def link() -> None:
            # not followed: a hard link to a symbolic link is one more name of that link
            os.link(
                source, entry.name, src_dir_fd=source_fd, dst_dir_fd=parent_fd,
                follow_symlinks=False,
            )  # fmt: skip

        if target != path:  # else it is there already
            self._make(parent_fd, path, link)
        return entry if target == entry.link else _linked_to(entry, target)

    def _node(self, parent_fd: int, path: bytes, entry: Entry) -> None:
        if entry.kind is Kind.CHARACTER_DEVICE and entry.device == (0, 0):
            self._attributes.warn_once(
                "character devices 0:0 are not made", entry, "overlayfs takes them for whiteouts"
            )
            self._vanish(parent_fd, path)
            self._unmade.add(path)
            return
        mode = 0o600 | _NODES[entry.kind]
        device = os.makedev(*entry.device)
        try:
            self._make(
                parent_fd, path, lambda: os.mknod(entry.name, mode, device, dir_fd=parent_fd)
            )
        except PermissionError as error:
            self._attributes.warn_once("devices cannot be made here", entry, str(error.strerror))
            self._vanish(parent_fd, path)
            self._unmade.add(path)
            return
        self._attributes.apply_special(parent_fd, entry.name, entry)

    def _hide(self, entry: Entry) -> None:
        """Remove what was at this name before."""
        path = entry.path
        try:
            parent, fd = self._dirs.find(entry.parent)
        except (FileNotFoundError, NotADirectoryError):
            pass  # there is nothing to hide
        else:
            path = _join(parent, entry.name)
            self._pending.visit(parent, fd)
            self._hide_name(fd, path)
        self._record_entry(entry if path == entry.path else entry.at(path))

    def _hide_all(self, entry: Entry) -> None:
        """Remove what was in this directory before."""
        path, fd = self._parent(entry.path)
        for name in names(fd):
            self._hide_name(fd, _join(path, name))
        self._record_entry(entry if path == entry.path else entry.at(path))

    def _hide_name(self, parent_fd: int, path: bytes) -> None:
        if path in self._touched:
            self._dirs.forget_below(path)
            self._pending.forget_below(path, keep=self._touched.__contains__)
            remove_except(parent_fd, _name(path), path, self._touched.__contains__)
            return
        self._vanish(parent_fd, path)

    def _parent(self, path: bytes) -> tuple[bytes, int]:
        """The directory an entry goes into, made where it is missing."""
        try:
            canonical, fd = self._dirs.find(path)
        except FileNotFoundError:
            canonical = self._dirs.canonical(path)
            for directory in (*reversed(list(ancestors(canonical))), canonical):
                self._imply(directory)
            fd = self._dirs.open(canonical)
        self._pending.visit(canonical, fd)
        return canonical, fd

    def _imply(self, path: bytes) -> None:
        """Make a directory that entries take for granted, the same way on every machine."""
        try:
            self._dirs.open(path)
        except FileNotFoundError:
            self._create(Entry(path, Kind.DIRECTORY, _IMPLIED_MODE), ())

    def _make(self, parent_fd: int, path: bytes, make: Callable[[], _T]) -> _T:
        """Make a new name; what has it must go."""
        try:
            return make()
        except FileExistsError:
            self._remove(parent_fd, path)
            return make()

    def _vanish(self, parent_fd: int, path: bytes) -> None:
        """Remove what may be there."""
        with suppress(FileNotFoundError):
            self._remove(parent_fd, path)

    def _remove(self, parent_fd: int, path: bytes) -> None:
        try:
            os.unlink(_name(path), dir_fd=parent_fd)
        except IsADirectoryError:
            self._dirs.forget_below(path)
            self._pending.forget_below(path, keep=lambda _path: False)
            remove_directory(parent_fd, _name(path))

    def _record(self, entry: Entry, path: bytes, digest: bytes) -> None:
        if entry.digest and entry.digest != digest:
            raise IntegrityError(
                f"{shown(path)} is not what it was when the build read it first",
                hint="let nothing write to the files while the build reads them",
            )
        if digest or path != entry.path:
            entry = _placed(entry, path, digest)
        self._record_entry(entry)
        self._touched.add(path)


def _join(directory: bytes, name: bytes) -> bytes:
    return directory + b"/" + name if directory else name


def _name(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]


def _placed(entry: Entry, path: bytes, digest: bytes) -> Entry:
    """Like ``replace``, at a quarter of its cost; it is called for every file."""
    return Entry(
        path, entry.kind, entry.mode, entry.uid, entry.gid, entry.mtime_ns, entry.size,
        entry.link, entry.device, entry.xattrs, digest,
    )  # fmt: skip


def _linked_to(entry: Entry, target: bytes) -> Entry:
    return Entry(
        entry.path, entry.kind, entry.mode, entry.uid, entry.gid, entry.mtime_ns, link=target
    )
