"""Members of an untrusted archive → files below one directory, and nowhere else.

Every path is walked component by component from a directory's descriptor with O_NOFOLLOW, so
that no link, whichever the archive made, leads a write out of the directory. Owners are not
restored: files of a context belong to whoever builds, and ``COPY`` sets its own.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pybuild.archive.disk import state_error
from pybuild.errors import ContextError
from pybuild.tree.entry import Entry, Kind

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


class ArchiveMember(Protocol):
    """A name in an archive and its bytes."""

    @property
    def entry(self) -> Entry:
        """What the archive says of it."""

    def chunks(self) -> Iterable[bytes]:
        """The bytes of a FILE; read before the next member is asked for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of an archive is taken before it is held to be an attack."""

    members: int = 5_000_000
    size_bytes: int = 1 << 40


def extract(members: Iterable[ArchiveMember], into: Path, limits: Limits = Limits()) -> None:
    """Unpack members below into, an empty directory.

    Raises:
        ContextError: A member would leave the directory, is a device, or cannot be written.
    """
    with ExitStack() as stack:
        root = os.open(into, _DIRECTORY)
        stack.callback(os.close, root)
        writer = _Writer(root)
        left = limits.size_bytes
        for number, member in enumerate(members):
            left -= member.entry.size
            if number >= limits.members or left < 0:
                raise ContextError(
                    f"the archive holds more than {limits.members} names or"
                    f" {limits.size_bytes} bytes"
                )
            try:
                writer.put(member)
            except OSError as error:
                if error.errno in _DISK_FULL:
                    raise state_error(error, "cannot unpack the context") from error
                raise _refused(member.entry, error.strerror or str(error)) from error
        writer.finish()


class _Writer:
    """Writes one member after the other below a directory's descriptor."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._directories: dict[bytes, Entry] = {}

    def put(self, member: ArchiveMember) -> None:
        """Make what a member says."""
        entry = member.entry
        if entry.kind is Kind.DIRECTORY:
            self._put_directory(entry)
            return
        if not entry.path:
            raise _refused(entry, f"the root of a context cannot be a {entry.kind.value}")
        with self._parent_of(entry.path, entry) as parent:
            self._make_room(parent, entry)
            match entry.kind:
                case Kind.FILE:
                    self._put_file(parent, member)
                case Kind.SYMLINK:
                    os.symlink(entry.link, entry.name, dir_fd=parent)
                    times = (entry.mtime_ns, entry.mtime_ns)
                    os.utime(entry.name, ns=times, dir_fd=parent, follow_symlinks=False)
                case Kind.HARDLINK:
                    self._put_hard_link(parent, entry)
                case Kind.FIFO:
                    os.mkfifo(entry.name, dir_fd=parent)
                    os.chmod(entry.name, entry.mode, dir_fd=parent)
                case _:
                    raise _refused(entry, f"a context cannot hold a {entry.kind.value}")

    def finish(self) -> None:
        """Set what later writes would have disturbed: modes and times of directories."""
        for path, entry in sorted(self._directories.items(), reverse=True):
            with suppress(FileNotFoundError), self._open(path, entry) as directory:
                # We must be able to read and enter it, whatever the archive says.
                os.fchmod(directory, entry.mode | 0o700)
                os.utime(directory, ns=(entry.mtime_ns, entry.mtime_ns))

    def _put_directory(self, entry: Entry) -> None:
        self._directories[entry.path] = entry
        if not entry.path:
            return
        with self._parent_of(entry.path, entry) as parent:
            try:
                os.mkdir(entry.name, 0o700, dir_fd=parent)
            except FileExistsError:
                if not _is_directory(parent, entry.name):
                    os.unlink(entry.name, dir_fd=parent)
                    os.mkdir(entry.name, 0o700, dir_fd=parent)

    def _put_file(self, parent: int, member: ArchiveMember) -> None:
        entry = member.entry
        with os.fdopen(os.open(entry.name, _NEW_FILE, 0o600, dir_fd=parent), "wb") as file:
            for chunk in member.chunks():
                file.write(chunk)
            file.flush()
            os.fchmod(file.fileno(), entry.mode)
            os.utime(file.fileno(), ns=(entry.mtime_ns, entry.mtime_ns))

    def _put_hard_link(self, parent: int, entry: Entry) -> None:
        """Link to a name that this archive made; a symlink is linked itself, never its target."""
        target, _, name = entry.link.rpartition(b"/")
        if not name:
            raise _refused(entry, "its hard link has no target")
        with self._open(target, entry) as directory:
            os.link(
                name, entry.name, src_dir_fd=directory, dst_dir_fd=parent, follow_symlinks=False
            )

    def _make_room(self, parent: int, entry: Entry) -> None:
        """Remove what an earlier member of the same name left; the last one counts."""
        try:
            os.unlink(entry.name, dir_fd=parent)
        except FileNotFoundError:
            return
        except IsADirectoryError:
            os.rmdir(entry.name, dir_fd=parent)
            self._directories.pop(entry.path, None)

    @contextmanager
    def _parent_of(self, path: bytes, entry: Entry) -> Iterator[int]:
        with self._open(path.rpartition(b"/")[0], entry, create=True) as parent:
            yield parent

    @contextmanager
    def _open(self, path: bytes, entry: Entry, *, create: bool = False) -> Iterator[int]:
        """A directory's descriptor; its path is walked without following any link."""
        current = os.dup(self._root)
        try:
            for part in path.split(b"/") if path else ():
                if part in {b"", b".", b".."}:
                    raise _refused(entry, "its path leads out of the context")
                is_new = create and _make_directory(part, current)
                deeper = _open_part(part, current, entry)
                if is_new:
                    os.fchmod(deeper, 0o755)  # whatever the umask is
                os.close(current)
                current = deeper
            yield current
        finally:
            os.close(current)


def _make_directory(part: bytes, parent: int) -> bool:
    """Whether it had to be made."""
    try:
        os.mkdir(part, 0o755, dir_fd=parent)
    except FileExistsError:
        return False
    return True


def _open_part(part: bytes, parent: int, entry: Entry) -> int:
    try:
        return os.open(part, _DIRECTORY, dir_fd=parent)
    except NotADirectoryError as error:  # with O_DIRECTORY, Linux answers so for a link too
        raise _refused(entry, f"it lies below {os.fsdecode(part)!r}, a link or a file") from error


def _is_directory(parent: int, name: bytes) -> bool:
    try:
        os.close(os.open(name, _DIRECTORY, dir_fd=parent))
    except NotADirectoryError:
        return False
    return True


def _refused(entry: Entry, why: str) -> ContextError:
    shown = os.fsdecode(entry.path)[:200]
    return ContextError(f"cannot unpack {shown!r} of the context's archive: {why}")
