# ruff: noqa: PTH112, PTH208, PTH103, PTH113 - paths in images are bytes, which pathlib does not take
"""Run in our own root: for default container rights, where nothing can be mounted.

A stage's tree lies below ``/pybuild/stages``. For a RUN its top-level names are renamed into ``/``
and afterwards back, in milliseconds. One RUN at a time; everything else overlaps.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from pybuild import events
from pybuild.errors import HostUnsupported, IntegrityError
from pybuild.imagepath import ImagePath
from pybuild.ports import Mount, Process
from pybuild.rootfs import foreign, snapshot, surroundings
from pybuild.rootfs.display import is_device
from pybuild.rootfs.foreign import ForeignMounts
from pybuild.rootfs.gate import Gate
from pybuild.rootfs.inplace_mounts import InplaceMounts
from pybuild.rootfs.inplace_tree import InplaceTree
from pybuild.rootfs.layout import Layout
from pybuild.rootfs.mounts import mount_points
from pybuild.rootfs.run import syscalls
from pybuild.rootfs.run.protocol import RunSpec
from pybuild.rootfs.starter import Starter

_ROOT_UID = 0
_KEEP_AWAY = "keep RUN commands away from /pybuild; nothing was pushed"


class InplaceRootfs:
    """Trees that take turns in ``/``; refuses to exist anywhere but in our own image.

    Raises:
        HostUnsupported: This is not our image, we are not root, or another build runs here.
    """

    name = "inplace"
    overlaps = False

    def __init__(self, state_dir: Path, emit: events.Emit, layout: Layout | None = None) -> None:
        self.layout = layout or Layout()
        self.gate = Gate()
        self.trees: list[InplaceTree] = []
        self.emit = emit
        self.mounts = InplaceMounts(self.layout, emit)
        self.foreign = ForeignMounts(self.layout, emit, [os.fsencode(state_dir)])
        self._watched: list[InplaceTree] = []
        self._closing = ExitStack()
        self._files: snapshot.Snapshot | None = None
        self._state_dir = os.fsencode(state_dir)
        self._written = self.layout.written(self._state_dir)
        self._kept: frozenset[bytes] = frozenset()

        self._refuse_elsewhere()
        self._take_place()
        sys.dont_write_bytecode = True  # our own files must not change, not even by ourselves
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
        self._closing.callback(self.gate.wait_for_run)
        self.starter = self._closing.enter_context(Starter(emit, hide=True))

    def stage(self, name: str) -> InplaceTree:
        """A new, empty tree."""
        tree = InplaceTree(self, name)
        self.trees.append(tree)
        return tree

    def blocked(self, path: ImagePath) -> str:
        """The mount, or the builder's own prefix, that a path lies in."""
        return _above(path, (*self.foreign.present(), self.layout.prefix))

    def refusal(self, process: Process) -> str:
        """What of a command's surroundings cannot be had here."""
        for mount in process.mounts:
            if found := self._in_the_way(mount):
                return f"{mount.target} cannot be mounted: {found} is this container's own"
        return surroundings.refusal(process)

    def run_on_host(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: Path,
        on_line: Callable[[str], None],
    ) -> int:
        """Run a command in our own root."""
        spec = RunSpec(list(argv), [[*pair] for pair in env.items()], str(cwd))
        with self.gate.running():
            return self.starter.run(spec, on_line)

    def stop(self) -> None:
        """End every RUN that is on, from another thread than theirs, and refuse later ones."""
        self.starter.stop()

    def close(self) -> None:
        """End the starter; a RUN on another thread is killed, fails, and has parked its tree.

        Trees stay: the container is thrown away sooner than they could be deleted. The next
        build in it removes them.
        """
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def before_run(self) -> None:
        """Know how everything looks that a RUN must not change."""
        self.starter.wait_ready()
        self._files = self._files or self._look_at_own()
        self._kept = frozenset(self._directories_in_use())
        self._watched = [tree for tree in self.trees if tree.look()]

    def after_run(self, ran: InplaceTree) -> None:
        """Make sure that it did not; trees that it changed are damaged from now on.

        Raises:
            IntegrityError: The builder's own files changed, or directories it writes to are gone.
        """
        if gone := sorted(path for path in self._kept if not os.path.isdir(path)):
            raise IntegrityError(
                f"the command removed the builder's own files in {os.fsdecode(gone[0])}",
                hint=_KEEP_AWAY,
            )
        seen = self._look_at_own()
        if paths := [*snapshot.changed_but_for(self._files or {}, seen, snapshot.is_byte_code)]:
            path = max(paths, key=lambda path: path.count(b"/"))  # not just its directory
            raise IntegrityError(
                f"the command changed the builder's own file /{os.fsdecode(self.layout.prefix)}"
                f"/{os.fsdecode(path)}",
                hint=_KEEP_AWAY,
            )
        self._files = seen
        for tree in self._watched:
            if tree is not ran and not tree.damaged and (paths := tree.changes_since_look()):
                self.damage(tree, paths)

    def damage(self, tree: InplaceTree, paths: Sequence[bytes]) -> None:
        """Have a tree refused until it is made again: a RUN changed it."""
        tree.damaged = True
        self.emit(events.BuildWarning("StageTouched", _touched(tree, paths)))

    def _in_the_way(self, mount: Mount) -> str:
        if is_device(mount):
            return ""
        pins = sorted(self.layout.pins(mount_points()))
        return _above(ImagePath.parse(mount.target), pins)

    def _look_at_own(self) -> snapshot.Snapshot:
        """A snapshot of the builder's own files.

        The prefix's own ctime moves when a directory in it that may be written is copied up, so
        owner and mode stand for it; its names are compared like all others.
        """
        seen = snapshot.take(self.layout.home, self._written, self._files)
        status = os.lstat(self.layout.home)
        owner = status.st_uid << 32 | status.st_gid
        return snapshot.with_root(seen, (status.st_mode, owner))

    def _directories_in_use(self) -> Iterator[bytes]:
        """What may change while a RUN runs, but not go; in the state directory, one level of it.

        Deeper in it, builds in other containers may remove what is theirs.
        """
        yield from filter(os.path.isdir, self.layout.working_directories)
        if os.path.isdir(self._state_dir):
            yield self._state_dir
            with os.scandir(self._state_dir) as found:
                yield from (it.path for it in found if it.is_dir(follow_symlinks=False))

    def _refuse_elsewhere(self) -> None:
        if reason := refusal(self.layout):
            raise HostUnsupported(reason, hint="run the pybuild-action image, as root")

    def _take_place(self) -> None:
        """Be the only build here, and clear away what an earlier one left."""
        marker = os.open(self.layout.marker, os.O_RDONLY | os.O_CLOEXEC)
        self._closing.callback(os.close, marker)
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HostUnsupported("another build is running in this container") from error
        if os.path.isdir(self.layout.aside) and os.listdir(self.layout.aside):
            raise HostUnsupported(
                "an earlier build in this container was killed during a RUN: its root is not ours",
                hint="start a new container",
            )
        for directory in (self.layout.stages, self.layout.mounts):
            shutil.rmtree(directory, ignore_errors=True)
            os.makedirs(directory)
        os.makedirs(self.layout.temporary, exist_ok=True)


def refusal(layout: Layout) -> str:
    """Why this place is not one to work in, or empty."""
    marker = os.fsdecode(layout.marker)
    if not os.path.isfile(layout.marker):
        return f"this is not the builder's own image: {marker} is not there"
    if os.geteuid() != _ROOT_UID:
        return f"user id {os.geteuid()} is not root"
    return ""


def _above(path: ImagePath, ours: Iterable[bytes]) -> str:
    found = foreign.above(path.relative, ours)
    return f"/{os.fsdecode(found)}" if found else ""


def _touched(tree: InplaceTree, paths: Sequence[bytes]) -> str:
    what = f"/{os.fsdecode(paths[0])}" if paths else "files"
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return (
        f"the command changed {what}{more} of another stage, {tree.name};"
        " it will be unpacked again if it is needed (find / -xdev reaches /pybuild)"
    )
