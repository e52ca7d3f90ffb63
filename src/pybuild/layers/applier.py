"""Make entries be there in a directory: the one way in which layers and COPY become files."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from pybuild.archive.disk import disk_errors, state_error
from pybuild.errors import IntegrityError, PybuildError
from pybuild.layers.attributes import Attributes
from pybuild.layers.beneath import Beneath, ancestors, is_not_directory
from pybuild.layers.pending import PendingDirectories
from pybuild.layers.removal import names, remove_directory, remove_except
from pybuild.tree.entry import Entry, Kind

_T = TypeVar("_T")
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_IMPLIED_MODE = 0o755
_NODES = {
    Kind.FIFO: stat.S_IFIFO,
    Kind.CHARACTER_DEVICE: stat.S_IFCHR,
    Kind.BLOCK_DEVICE: stat.S_IFBLK,
}
_ENTRYS_FAULT = frozenset(
    {
        errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EEXIST,
        errno.EINVAL, errno.EXDEV, errno.EMLINK,
    }
)  # fmt: skip
"""What the kernel answers to entries that make no sense; all else is the disk's."""


class Applier:
    """Applies entries one after the other; a context manager that owns every descriptor.

    Nothing is resolved through a link that leads outside: parents as if the root were ``/``, the
    last component never. Directories that the entries do not name keep their times; all times of
    directories are set by ``finish``. What cannot be had here (devices without CAP_MKNOD, owners
    without root) is warned about once and stays in ``entries``.

    Attributes:
        entries: What was applied, in order, at canonical paths, files with their digests;
            directories that the entries took for granted included.
    """

    def __init__(self, root: Path, warn: Callable[[str], None]) -> None:
        self.entries: list[Entry] = []
        self._root = root
        self._stack = ExitStack()
        self._dirs = Beneath(root)
        self._attributes = Attributes(warn)
        self._pending = PendingDirectories()
        self._touched: set[bytes] = set()

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
            raise _explained(error, entry) from error

    def finish(self) -> None:
        """Set the times of directories; the tree is complete then."""
        with disk_errors(f"cannot set the times of directories in {self._root}"):
            self._pending.finish(self._open_one)

    def _open_one(self, path: bytes) -> int:
        self._dirs.trim()
        return self._dirs.open(path)

    def _create(self, entry: Entry, content: Iterable[bytes]) -> None:
        parent, parent_fd = self._parent(entry.parent)
        path = _join(parent, entry.name)
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
        fd = self._make(
            parent_fd, path, lambda: os.open(entry.name, _NEW_FILE, 0o600, dir_fd=parent_fd)
        )
        try:
            digest = hashlib.sha256()
            for piece in content:
                digest.update(piece)
                _write(fd, piece)
            self._attributes.apply(fd, entry, entry.mode)
            os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))
        finally:
            os.close(fd)
        return digest.digest()

    def _directory(self, parent_fd: int, path: bytes, entry: Entry) -> None:
        try:
            os.mkdir(entry.name, 0o700, dir_fd=parent_fd)
            existed = False
        except FileExistsError:
            existed = True
        try:
            fd = self._dirs.open(path)
        except OSError as error:
            if not is_not_directory(error):
                raise
            self._remove(parent_fd, path)
            os.mkdir(entry.name, 0o700, dir_fd=parent_fd)
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
        os.stat(source, dir_fd=source_fd, follow_symlinks=False)  # before anything makes way
        if target.startswith(path + b"/"):
            raise IntegrityError(f"{_shown(path)} would replace its own directory")

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
            return
        mode = 0o600 | _NODES[entry.kind]
        device = os.makedev(*entry.device)
        try:
            self._make(
                parent_fd, path, lambda: os.mknod(entry.name, mode, device, dir_fd=parent_fd)
            )
        except PermissionError as error:
            self._attributes.warn_once("devices cannot be made here", entry, str(error.strerror))
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
        self.entries.append(entry if path == entry.path else entry.at(path))

    def _hide_all(self, entry: Entry) -> None:
        """Remove what was in this directory before."""
        path, fd = self._parent(entry.path)
        for name in names(fd):
            self._hide_name(fd, _join(path, name))
        self.entries.append(entry if path == entry.path else entry.at(path))

    def _hide_name(self, parent_fd: int, path: bytes) -> None:
        if path in self._touched:
            self._dirs.forget_below(path)
            self._pending.forget_below(path, keep=self._touched)
            remove_except(parent_fd, _name(path), path, self._touched.__contains__)
            return
        try:
            self._remove(parent_fd, path)
        except FileNotFoundError:
            return  # hiding what is not there changes nothing

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

    def _remove(self, parent_fd: int, path: bytes) -> None:
        try:
            os.unlink(_name(path), dir_fd=parent_fd)
        except IsADirectoryError:
            self._dirs.forget_below(path)
            self._pending.forget_below(path, keep=frozenset())
            remove_directory(parent_fd, _name(path))

    def _record(self, entry: Entry, path: bytes, digest: bytes) -> None:
        if entry.digest and entry.digest != digest:
            raise IntegrityError(
                f"{_shown(path)} is not what it was when the build read it first",
                hint="let nothing write to the files while the build reads them",
            )
        if digest or path != entry.path:
            entry = _placed(entry, path, digest)
        self.entries.append(entry)
        self._touched.add(path)
        for directory in ancestors(path):
            if directory in self._touched:
                break
            self._touched.add(directory)


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


def _write(fd: int, piece: bytes) -> None:
    written = os.write(fd, piece)
    while written < len(piece):  # a nearly full disk takes a part
        piece = piece[written:]
        written = os.write(fd, piece)


def _explained(error: OSError, entry: Entry) -> PybuildError:
    what = f"cannot make {_shown(entry.path)}, a {entry.kind.value}"
    is_linked_directory = entry.kind is Kind.HARDLINK and error.errno == errno.EPERM
    if error.errno in _ENTRYS_FAULT or is_linked_directory:
        return IntegrityError(f"{what}: {error.strerror}")
    return state_error(error, what)


def _shown(path: bytes) -> str:
    return "/" + os.fsdecode(path[:200])
