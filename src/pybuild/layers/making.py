"""Make one name of each kind in a directory."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from pybuild.errors import IntegrityError
from pybuild.layers.attributes import Attributes
from pybuild.layers.beneath import is_not_directory
from pybuild.layers.failure import shown
from pybuild.layers.filling import fill
from pybuild.layers.site import Site, name_of
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.walk import join

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NODES = {
    Kind.FIFO: stat.S_IFIFO,
    Kind.CHARACTER_DEVICE: stat.S_IFCHR,
    Kind.BLOCK_DEVICE: stat.S_IFBLK,
}


class Maker:
    """Makes names; what has a name goes, except a directory where one is made.

    A name is given by the descriptor of its directory, its canonical path and its entry, whose
    path may lead through links.
    """

    def __init__(self, site: Site, attributes: Attributes) -> None:
        self._site = site
        self._attributes = attributes
        self._unmade: set[bytes] = set()  # names of devices that could not be made

    def file(self, directory_fd: int, path: bytes, entry: Entry, content: Iterable[bytes]) -> bytes:
        """Make a file; returns the raw sha256 of its bytes."""
        name = name_of(path)
        try:
            fd = os.open(name, _NEW_FILE, 0o600, dir_fd=directory_fd)
        except FileExistsError:
            self._site.remove(directory_fd, path)
            fd = os.open(name, _NEW_FILE, 0o600, dir_fd=directory_fd)
        try:
            digest = fill(fd, content)
            self._attributes.apply(fd, entry, entry.mode)
            os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))
        finally:
            os.close(fd)
        return digest

    def directory(self, directory_fd: int, path: bytes, entry: Entry) -> None:
        """Make a directory, or make an existing one what the entry says."""
        name = name_of(path)
        try:
            os.mkdir(name, 0o700, dir_fd=directory_fd)
            existed = False
        except FileExistsError:
            existed = True
        try:
            fd = self._site.directories.open(path)
        except OSError as error:
            if not is_not_directory(error):
                raise
            self._site.remove(directory_fd, path)
            os.mkdir(name, 0o700, dir_fd=directory_fd)
            existed = False
            fd = self._site.directories.open(path)
        self.update_directory(fd, path, entry, existed=existed)

    def update_directory(self, fd: int, path: bytes, entry: Entry, *, existed: bool) -> None:
        """Make an open directory what the entry says."""
        if existed:
            self._attributes.drop_xattrs(fd, entry)
        mode = self._site.pending.update(path, entry.mtime_ns, entry.mode)
        self._attributes.apply(fd, entry, mode)

    def symlink(self, directory_fd: int, path: bytes, entry: Entry) -> None:
        """Make a symbolic link."""
        self._site.make(
            directory_fd, path, lambda: os.symlink(entry.link, entry.name, dir_fd=directory_fd)
        )
        self._attributes.apply_link(directory_fd, entry.name, entry)

    def hard_link(self, directory_fd: int, path: bytes, entry: Entry) -> Entry:
        """Make one more name of a file; returns the entry with the file's canonical path."""
        directory, _, source = entry.link.rpartition(b"/")
        canonical, source_fd = self._site.directories.find(directory)
        target = join(canonical, source)
        if target.startswith(path + b"/"):
            raise IntegrityError(f"{shown(path)} would replace its own directory")
        try:  # before anything makes way
            os.stat(source, dir_fd=source_fd, follow_symlinks=False)
        except FileNotFoundError:
            if target not in self._unmade:
                raise
            self._site.vanish(directory_fd, path)
            self._unmade.add(path)
            return _linked_to(entry, target)

        def link() -> None:
            # not followed: a hard link to a symbolic link is one more name of that link
            os.link(
                source, entry.name, src_dir_fd=source_fd, dst_dir_fd=directory_fd,
                follow_symlinks=False,
            )  # fmt: skip

        if target != path:  # else it is there already
            self._site.make(directory_fd, path, link)
        return entry if target == entry.link else _linked_to(entry, target)

    def node(self, directory_fd: int, path: bytes, entry: Entry) -> None:
        """Make a device or FIFO, where this place allows it."""
        if entry.kind is Kind.CHARACTER_DEVICE and entry.device == (0, 0):
            self._attributes.warn_once(
                "character devices 0:0 are not made", entry, "overlayfs takes them for whiteouts"
            )
            self._site.vanish(directory_fd, path)
            self._unmade.add(path)
            return
        mode = 0o600 | _NODES[entry.kind]
        device = os.makedev(*entry.device)
        try:
            self._site.make(
                directory_fd, path, lambda: os.mknod(entry.name, mode, device, dir_fd=directory_fd)
            )
        except PermissionError as error:
            self._attributes.warn_once("devices cannot be made here", entry, str(error.strerror))
            self._site.vanish(directory_fd, path)
            self._unmade.add(path)
            return
        self._attributes.apply_special(directory_fd, entry.name, entry)


def _linked_to(entry: Entry, target: bytes) -> Entry:
    return Entry(
        entry.path, entry.kind, entry.mode, entry.uid, entry.gid, entry.mtime_ns, link=target
    )
