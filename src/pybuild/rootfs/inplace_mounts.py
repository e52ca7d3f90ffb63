# ruff: noqa: PTH118 - paths in images are bytes, which pathlib does not take
"""What a RUN in place has mounted: without mounts, by renaming into its tree and out again.

=============  ============================================================================
read-only,     a private copy, made once a build, lent to each RUN and mended afterwards; what
dropped        a RUN writes to it is lost, and named in a warning where it was to be read-only
kept           the directory itself; a copy both ways where it lies on another filesystem, or
               is mounted twice
empty          a new directory on the trees' filesystem: its size is not limited
file           the file itself; its bytes are overwritten and every name of it is removed
socket         a socket of the builder that leads to the other one (``relay``)
=============  ============================================================================
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from pybuild import events
from pybuild.errors import HostUnsupported
from pybuild.ports import HostMount, Mount
from pybuild.rootfs import foreign, inside, mounts, snapshot, targets
from pybuild.rootfs.display import Display, Shown, relative
from pybuild.rootfs.layout import Layout
from pybuild.rootfs.mountable import Mountables

_MOST_NAMED = 5  # paths in a message


class InplaceMounts:
    """The mounts of one build's RUNs, one RUN at a time."""

    def __init__(self, layout: Layout, emit: events.Emit) -> None:
        self._layout = layout
        self._emit = emit
        self._told: set[str] = set()
        self._things = Mountables(layout, self.tell, self._tell_of_writes)

    @contextmanager
    def shown(self, tree: bytes, wanted: Sequence[Mount]) -> Iterator[Display]:
        """Have mounts in a parked tree while the block lasts.

        Raises:
            HostUnsupported: A target cannot be used here.
        """
        with ExitStack() as finish, ExitStack() as placed:
            shown = self._things.made(wanted, finish)
            for one in shown:
                finish.callback(self._tell_of_strays, one)
                one.target = self._place(tree, one, placed)
            yield Display(self._layout.root, tuple(shown))

    def _place(self, tree: bytes, one: Shown, placed: ExitStack) -> targets.Target:
        mount = one.mount
        if one.base:
            base = os.path.join(self._layout.root, one.base)
            inner = relative(mount).removeprefix(one.base + b"/")
            path = inside.resolve(base, os.fsdecode(inner))
        else:
            base, path = tree, self._path(tree, mount.target)
        try:
            target = targets.shown(base, path, one.thing, self._things.free(mount))
            return placed.enter_context(target)
        except OSError as error:
            raise HostUnsupported(
                f"nothing can be mounted at {mount.target}: {error.strerror}",
                hint="choose another target",
            ) from error

    def tell(self, text: str) -> None:
        """Warn of something once a build."""
        if text not in self._told:
            self._told.add(text)
            self._warn(text)

    def _tell_of_writes(self, mount: HostMount, paths: Sequence[bytes]) -> None:
        """Name what changed, without the directories that hold it, which changed with it."""
        directories = {b"", *(above for path in paths for above in inside.above(path))}
        leaves = [path for path in paths if path not in directories] or [*paths]
        # Where a mount is read-only, Python goes without byte-code and says nothing.
        if leaves := [path for path in leaves if not snapshot.is_byte_code(path)]:
            target = mount.target.rstrip("/")
            names = [f"{target}/{os.fsdecode(it)}".rstrip("/") for it in leaves]
            more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            self._warn(
                f"the command wrote to {mount.target}, which is read-only; that is not kept:"
                f" {', '.join(names[:_MOST_NAMED])}{more}"
            )

    def _tell_of_strays(self, one: Shown) -> None:
        if one.target.strays:
            names = ", ".join(f"/{os.fsdecode(it)}" for it in one.target.strays[:_MOST_NAMED])
            self._warn(
                f"the command moved or linked the mount {one.mount.target} to {names}:"
                " it is not in the image"
            )

    def _path(self, tree: bytes, target: str) -> bytes:
        path = inside.resolve(tree, target)
        pins = self._layout.pins(mounts.mount_points())
        if not path or (found := foreign.above(path, pins)):
            raise HostUnsupported(
                f"nothing can be mounted at {target}: "
                + (f"/{os.fsdecode(found)} is this container's own" if path else "it is the root"),
                hint="choose another target, or start the container with CAP_SYS_ADMIN",
            )
        return path

    def _warn(self, text: str) -> None:
        self._emit(events.BuildWarning("MountInPlace", text))
