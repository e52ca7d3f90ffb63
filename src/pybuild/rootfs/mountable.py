# ruff: noqa: PTH114, PTH101, PTH102, PTH104, PTH112, PTH118 - paths in images are bytes, which pathlib does not take
"""Things that can be shown in a tree, and what becomes of them after the RUN."""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import assert_never

from pybuild.errors import IntegrityError
from pybuild.ports import Access, EmptyMount, FileMount, HostMount, Mount, SocketMount
from pybuild.rootfs import inside, linked_names, relay
from pybuild.rootfs.copies import Copy
from pybuild.rootfs.display import DEVICES, Shown, inner_paths, is_device, is_kept, relative
from pybuild.rootfs.duplicate import Warn, remove
from pybuild.rootfs.layout import Layout

OnWrites = Callable[[HostMount, Sequence[bytes]], None]
"""Told of what a RUN wrote to a read-only mount, relative to it."""


class Mountables:
    """The things of one build, one RUN at a time.

    Args:
        layout: Where they lie.
        warn: Told of what cannot be had as it was asked for.
        on_writes: See there.
    """

    def __init__(self, layout: Layout, warn: Warn, on_writes: OnWrites) -> None:
        self._layout = layout
        self._warn = warn
        self._on_writes = on_writes
        self._copies: dict[tuple[bytes, int], Copy] = {}
        self._numbers = itertools.count()

    def made(self, wanted: Sequence[Mount], finish: ExitStack) -> list[Shown]:
        """Have everything at hand that a RUN mounts; with finish it is put away.

        What is to be seen in the tree must be out of it by then, and its thing where it was.
        """
        sources = Counter(it.source for it in wanted if isinstance(it, HostMount))
        used: Counter[bytes] = Counter()
        shown: list[Shown] = []
        for mount in wanted:
            match mount:
                case EmptyMount():
                    if relative(mount) == inside.SHARED_MEMORY:
                        continue  # every RUN finds it empty, and it is emptied afterwards
                    one = self._empty(mount, finish)
                case FileMount():
                    one = self._file(mount, finish)
                case SocketMount():
                    one = self._socket(mount, finish)
                case HostMount(access=Access.KEPT) if sources[mount.source] == 1:
                    one = self._lent(mount, finish) or self._copied(mount, used, shown, finish)
                case HostMount():
                    one = self._copied(mount, used, shown, finish)
                case _:
                    assert_never(mount)
            shown.append(one)
        return shown

    def _empty(self, mount: EmptyMount, finish: ExitStack) -> Shown:
        thing = self.free(mount)
        os.mkdir(thing)
        os.chmod(thing, 0o1777)  # noqa: S103 - as a tmpfs
        finish.callback(remove, thing)
        if mount.size_bytes is not None:
            self._warn(f"the size of {mount.target} cannot be limited here: it lies on disk")
        return Shown(mount, thing)

    def _file(self, mount: FileMount, finish: ExitStack) -> Shown:
        thing = self.free(mount)
        writer = os.open(thing, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # Not the writer: a script that is open for writing is busy (ETXTBSY).
            held = os.open(thing, os.O_PATH | os.O_CLOEXEC)
            finish.callback(os.close, held)
            finish.callback(remove, thing)
            finish.callback(_overwrite, held)
            rest = mount.data
            while rest:
                rest = rest[os.write(writer, rest) :]
            os.fchown(writer, mount.uid, mount.gid)
            os.fchmod(writer, mount.mode)
        finally:
            os.close(writer)
        return Shown(mount, thing)

    def _socket(self, mount: SocketMount, finish: ExitStack) -> Shown:
        thing = self.free(mount)
        finish.callback(remove, thing)
        owner = (mount.uid, mount.gid)
        finish.enter_context(relay.listening(thing, mount.source.resolve(), mount.mode, owner))
        return Shown(mount, thing)

    def _lent(self, mount: HostMount, finish: ExitStack) -> Shown | None:
        """The directory itself; None where it cannot be renamed into the tree."""
        source, thing = os.fsencode(mount.source), self.free()
        status = os.lstat(source)
        if not stat.S_ISDIR(status.st_mode):
            return None
        try:
            os.rename(source, thing)
        except OSError as error:
            if error.errno not in {errno.EXDEV, errno.EBUSY}:
                raise
            return None
        finish.callback(_give_back, thing, source, status, self._warn)
        return Shown(mount, thing)

    def _copied(
        self, mount: HostMount, used: Counter[bytes], others: list[Shown], finish: ExitStack
    ) -> Shown:
        source = os.fsencode(mount.source)
        key = source, used[source]
        used[source] += 1
        copy = self._copies.get(key)
        if copy is None:
            copy = self._copies[key] = Copy(source, self.free(), self._warn)
        copy.refresh()
        one = Shown(mount, copy.home)
        finish.callback(self._settle, one, copy, others)
        return one

    def _settle(self, one: Shown, copy: Copy, others: Sequence[Shown]) -> None:
        kept = is_kept(one.mount)
        paths = copy.settle(untouched=one.untouched, kept=kept)
        if not isinstance(one.mount, HostMount) or not paths:
            return
        if kept:
            copy.write_back(paths)
        elif one.mount.access is Access.READ_ONLY:
            inner = inner_paths(one, others)
            self._on_writes(one.mount, [it for it in paths if it not in inner])

    def free(self, mount: Mount | None = None) -> bytes:
        """A name that is free, on the filesystem of a mount's target."""
        name = b"%d" % next(self._numbers)
        if mount is not None and is_device(mount):
            shared = inside.SHARED_MEMORY
            directory = shared if relative(mount).startswith(shared + b"/") else DEVICES
            return os.path.join(self._layout.root, directory, b".mount-" + name)
        return os.path.join(self._layout.mounts, name)


def _overwrite(held: int) -> None:
    """Leave nothing of a file's bytes, whatever other names it has been given."""
    place = f"/proc/self/fd/{held}"
    os.chmod(place, 0o600)
    descriptor = os.open(place, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
        os.fsync(descriptor)
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _give_back(thing: bytes, source: bytes, status: os.stat_result, warn: Warn) -> None:
    """Put a directory back where it was; if the command removed it, that is an empty one."""
    if not os.path.isdir(thing) or os.path.islink(thing):
        remove(thing)
        os.mkdir(thing)
        os.chown(thing, status.st_uid, status.st_gid)
        os.chmod(thing, stat.S_IMODE(status.st_mode))
    linked_names.part(thing, warn)
    try:
        os.rename(thing, source)
    except OSError as error:
        raise IntegrityError(
            f"the cache {os.fsdecode(source)} cannot be put back: {error.strerror}",
            hint="keep RUN commands away from /pybuild",
        ) from error
