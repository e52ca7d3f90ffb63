# ruff: noqa: PTH118, PTH208 - paths in images are bytes, which pathlib does not take
"""Mounts of this container at names that an image may have too.

They cannot be moved away, and a RUN that is root can write to them and delete from them, although
they are the caller's. So a RUN is refused where the image uses a mount's place, and every mount is
watched as far as is affordable.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pybuild import events
from pybuild.errors import HostUnsupported, IntegrityError
from pybuild.rootfs import inside, mounts, snapshot
from pybuild.rootfs.layout import Layout

# Every runtime mounts these, and no layer can have what a RUN writes to them.
_RUNTIME_FILES = frozenset({b"etc/hosts", b"etc/hostname", b"etc/resolv.conf"})
# Every image has these: that it has them does not say that it has to do with a mount in them.
_EVERYBODY_S = frozenset({b"", b"etc"})
_MOST_LOOKED_AT = 20_000  # names; 0.1 s before and after each RUN
_MOST_NAMED = 5  # paths in a message


@dataclass(slots=True)
class Look:
    """What is in mounts: keys by path relative to the root, and the directories listed."""

    keys: dict[bytes, int] = field(default_factory=dict)
    listed: dict[bytes, None] = field(default_factory=dict)


class ForeignMounts:
    """The mounts of this container, whose owner is the caller.

    Args:
        layout: Says which mounts are not foreign.
        emit: Gets a warning of what a RUN writes to one.
        skip: Absolute paths in which the builder itself writes.
    """

    def __init__(self, layout: Layout, emit: events.Emit, skip: Iterable[bytes] = ()) -> None:
        self._layout = layout
        self._emit = emit
        self._skip = self._relative(skip)

    def present(self) -> tuple[bytes, ...]:
        """Their mount points as they are now, relative to the root."""
        pins = self._layout.pins(mounts.mount_points())
        return among(pins, self._layout.never_moved)

    def refuse(self, tree: bytes, present: Iterable[bytes]) -> None:
        """Let no RUN start in a tree that has to do with a mount's place.

        Raises:
            HostUnsupported: Names the mount.
        """
        for mount in present:
            if reason := use_of(tree, mount, read_only=self._is_read_only(mount)):
                raise HostUnsupported(
                    f"/{os.fsdecode(mount)} is a mount of this container, and {reason}",
                    hint="mount it elsewhere (below /workspace, say), or start the container with"
                    " CAP_SYS_ADMIN",
                )

    @contextmanager
    def watched(self, present: Iterable[bytes], kept: Iterable[bytes] = ()) -> Iterator[None]:
        """Warn of what is written to mounts in the block.

        Args:
            present: Their mount points.
            kept: Absolute paths in which everybody may write.

        Raises:
            IntegrityError: Something was deleted.
        """
        writable = [mount for mount in present if not self._is_read_only(mount)]
        skip = self._skip | self._relative(kept)
        before = look(self._layout.root, writable, skip)
        yield
        now = look(self._layout.root, writable, skip, before.listed)
        if gone := sorted(before.keys.keys() - now.keys.keys()):
            raise IntegrityError(
                f"the command deleted from a mount of this container: {_named(gone)}",
                hint="keep RUN commands away from it, or start the container without it;"
                " nothing was pushed",
            )
        if written := [path for path, key in now.keys.items() if before.keys.get(path) != key]:
            names = _named(sorted(written))
            text = f"the command wrote to a mount of this container, not the image: {names}"
            self._emit(events.BuildWarning("ForeignMount", text))

    def _relative(self, paths: Iterable[bytes]) -> frozenset[bytes]:
        return frozenset(os.path.relpath(path, self._layout.root) for path in paths)

    def _is_read_only(self, mount: bytes) -> bool:
        try:
            flags = os.statvfs(os.path.join(self._layout.root, mount)).f_flag
        except OSError:
            return False
        return bool(flags & os.ST_RDONLY)


def among(pins: Iterable[bytes], never_moved: Iterable[bytes]) -> tuple[bytes, ...]:
    """Those of the pins that are somebody's mount, not the runtime's and not ours."""
    return tuple(sorted(set(pins) - set(never_moved) - _RUNTIME_FILES))


def above(path: bytes, mounts: Iterable[bytes]) -> bytes:
    """The mount at or above a path, or empty; all relative to the root."""
    return next((it for it in mounts if path == it or path.startswith(it + b"/")), b"")


def use_of(tree: bytes, mount: bytes, *, read_only: bool) -> str:
    """What a tree has to do with a mount's place, or empty.

    A mount that hides something of the image makes another image of it. One that can be written,
    in a directory of the image's own, would take what belongs into the image, and can lose what
    belongs to the caller.
    """
    if not inside.is_plain(tree, mount):
        return ""  # nothing of the image can be there; what cannot be merged is refused later
    kind = _kind(os.path.join(tree, mount))
    if kind is not None and (kind != stat.S_IFDIR or os.listdir(os.path.join(tree, mount))):
        return "hides what the image has there"
    if kind is not None and not read_only:
        return "the image has a directory there"
    parent = mount.rpartition(b"/")[0]
    if not read_only and parent not in _EVERYBODY_S:
        return f"lies in /{os.fsdecode(parent)} of the image"
    return ""


def look(
    root: bytes,
    mounts: Iterable[bytes],
    skip: Collection[bytes] = (),
    listed: Collection[bytes] | None = None,
) -> Look:
    """Look into mounts, the topmost names first, and no further than is affordable.

    Args:
        root: What paths are relative to.
        mounts: Where to begin.
        skip: Not to be looked at.
        listed: The directories to list, of an earlier look; None for as many as are affordable.
    """
    seen = Look()
    waiting = list(mounts)
    for path in waiting:
        with contextlib.suppress(OSError):
            seen.keys[path] = snapshot.key_of(os.lstat(os.path.join(root, path)))
    for path in waiting:  # grows
        if listed is not None and path not in listed:
            continue
        try:
            names = os.listdir(os.path.join(root, path))
            if listed is None and len(seen.keys) + len(names) > _MOST_LOOKED_AT:
                continue
            seen.listed[path] = None
            waiting += _directories(root, path, names, skip, seen)
        except OSError:
            continue  # a file, gone, or a filesystem that does not let us look
    return seen


def _directories(
    root: bytes, directory: bytes, names: Iterable[bytes], skip: Collection[bytes], seen: Look
) -> list[bytes]:
    """Take the keys of a directory's names; gives those that are directories."""
    below = []
    for name in names:
        path = snapshot.join(directory, name)
        if path not in skip:
            status = os.lstat(os.path.join(root, path))
            seen.keys[path] = snapshot.key_of(status)
            if stat.S_ISDIR(status.st_mode):
                below.append(path)
    return below


def _kind(path: bytes) -> int | None:
    try:
        return stat.S_IFMT(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _named(paths: list[bytes]) -> str:
    """The topmost say less than what is in them."""
    leaves = [
        path for path, after in zip(paths, [*paths[1:], b""], strict=True)
        if not after.startswith(path + b"/")
    ]  # fmt: skip
    names = ", ".join(f"/{os.fsdecode(path)}" for path in leaves[:_MOST_NAMED])
    more = f" and {len(leaves) - _MOST_NAMED} more" if len(leaves) > _MOST_NAMED else ""
    return names + more
