"""Write the files of an image into a directory (``--output type=local``)."""

from __future__ import annotations

# Paths of images are bytes, which pathlib cannot hold.
# ruff: noqa: PTH101, PTH102, PTH104, PTH108, PTH118, PTH208, PTH211
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pybuild.store.destination import workplace
from pybuild.store.files import Decode, ImageFiles, OpenLayer
from pybuild.store.space import write_all
from pybuild.tree.entry import Entry, Kind

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_A_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WORKING_MODE = 0o700
_NODES = {Kind.CHARACTER_DEVICE: stat.S_IFCHR, Kind.BLOCK_DEVICE: stat.S_IFBLK}


def export_local(
    layers: Sequence[OpenLayer],
    destination: Path,
    *,
    decode: Decode,
    warn: Callable[[str], None],
) -> None:
    """Write all that the layers leave into a directory, made where it is missing.

    What is there already stays, but for names that the image has, too: those are replaced, and
    only directories merge, as with docker. All is written beside first and then moved: an error
    before that leaves the directory as it was. Everything belongs to the current user, with
    docker even for root; set-id bits that were meant for another owner are dropped.

    Args:
        layers: The image's, the first at the bottom.
        destination: The directory.
        decode: ``layers.whiteouts.decode``.
        warn: Told once for each kind of what cannot be had here: devices, extended attributes.

    Raises:
        StateError: The destination cannot be written.
        IntegrityError: A layer is damaged. Nothing new is at the destination then.
    """
    files = ImageFiles(layers, decode)
    with workplace(destination) as new:
        _Writer(os.fsencode(new), warn).write(files)
        _merge(os.fsencode(new), os.fsencode(destination))
        _finish(os.fsencode(destination), files.directories(), warn)


class _Writer:
    """Makes a tree below a root that nobody else writes to.

    No path of a tree leads through a link, so none is ever followed.
    """

    def __init__(self, root: bytes, warn: Callable[[str], None]) -> None:
        self._root = root
        self._warn = _Once(warn)

    def write(self, files: ImageFiles) -> None:
        """Write everything; directories get their modes and times later."""
        for entry in files.directories():
            os.mkdir(self._at(entry.path), _WORKING_MODE)
        for entry, pieces in files.contents():
            self._file(entry, pieces)
        for entry in files.others():
            self._other(entry)

    def _at(self, path: bytes) -> bytes:
        return os.path.join(self._root, path)

    def _file(self, entry: Entry, pieces: Iterable[bytes]) -> None:
        path = self._at(entry.path)
        fd = os.open(path, _NEW_FILE, 0o600)
        try:
            written = 0
            for piece in pieces:
                write_all(fd, piece, Path(os.fsdecode(path)), written)
                written += len(piece)
            _describe(fd, entry, self._warn)
        finally:
            os.close(fd)

    def _other(self, entry: Entry) -> None:
        path = self._at(entry.path)
        match entry.kind:
            case Kind.FILE:
                self._file(entry, ())
            case Kind.HARDLINK:
                os.link(self._at(entry.link), path, follow_symlinks=False)
            case Kind.SYMLINK:
                os.symlink(entry.link, path)
                _set_xattrs(path, entry, self._warn)
                os.utime(path, ns=(entry.mtime_ns, entry.mtime_ns), follow_symlinks=False)
            case Kind.FIFO:
                os.mkfifo(path, 0o600)
                _describe(path, entry, self._warn)
            case _:
                self._device(path, entry)

    def _device(self, path: bytes, entry: Entry) -> None:
        try:
            os.mknod(path, _NODES[entry.kind] | 0o600, os.makedev(*entry.device))
        except PermissionError as error:
            self._warn("devices cannot be made here", entry, error)
            return
        _describe(path, entry, self._warn)


class _Once:
    """Warns of each kind of thing once."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._said: set[str] = set()

    def __call__(self, what: str, entry: Entry, error: OSError) -> None:
        if what not in self._said:
            self._said.add(what)
            self._warn(f"{what} (first at /{os.fsdecode(entry.path)}): {error.strerror}")


def _merge(source: bytes, target: bytes) -> None:
    """Move what is in source into target; only directories are kept, where both have one."""
    pending = [b""]
    while pending:
        directory = pending.pop()
        for name in os.listdir(os.path.join(source, directory)):
            path = os.path.join(directory, name)
            new, old = os.path.join(source, path), os.path.join(target, path)
            if _is_directory(new) and _is_directory(old):
                os.chmod(old, _WORKING_MODE)  # its own mode may keep us out
                pending.append(path)
                continue
            if _is_directory(old):
                shutil.rmtree(old)
            elif _is_directory(new) and os.path.lexists(old):
                os.unlink(old)
            os.rename(new, old)


def _finish(root: bytes, directories: Sequence[Entry], warn: Callable[[str], None]) -> None:
    """Give directories their modes and times, the deepest first: a mode may close the way down."""
    warn_once = _Once(warn)
    for entry in reversed(directories):
        fd = os.open(os.path.join(root, entry.path), _A_DIRECTORY)
        try:
            _describe(fd, entry, warn_once)
        finally:
            os.close(fd)


def _describe(target: int | bytes, entry: Entry, warn: _Once) -> None:
    """Mode, extended attributes and times of what is no symbolic link."""
    mode = entry.mode
    if entry.uid != os.geteuid():
        mode &= ~stat.S_ISUID  # never lend our own rights to a file meant for another
    if entry.gid != os.getegid():
        mode &= ~stat.S_ISGID
    os.chmod(target, mode)
    _set_xattrs(target, entry, warn)
    os.utime(target, ns=(entry.mtime_ns, entry.mtime_ns))


def _set_xattrs(target: int | bytes, entry: Entry, warn: _Once) -> None:
    for name, value in entry.xattrs:
        try:
            if isinstance(target, int):
                os.setxattr(target, name, value)
            else:
                os.setxattr(target, name, value, follow_symlinks=False)
        except OSError as error:
            warn(f"extended attributes {os.fsdecode(name)} cannot be set here", entry, error)


def _is_directory(path: bytes) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False
