# ruff: noqa: PTH112, PTH208, PTH101, PTH102, PTH103, PTH113, PTH118, PTH119 - paths in images are bytes, which pathlib does not take
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
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from pybuild import events
from pybuild.errors import HostUnsupported, IntegrityError
from pybuild.imagepath import ImagePath
from pybuild.ports import Process
from pybuild.rootfs import entries, foreign, machine, mounts, snapshot, turns
from pybuild.rootfs.gate import Gate
from pybuild.rootfs.layout import Layout
from pybuild.rootfs.run import syscalls
from pybuild.rootfs.run.protocol import RunSpec
from pybuild.rootfs.starter import Starter
from pybuild.tree.entry import Candidate

_ROOT_UID = 0
_MOST_NAMED = 5  # paths in a message


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
        self._closing = ExitStack()
        self._own: snapshot.Snapshot | None = None
        self._own_written = self.layout.written(os.fsencode(state_dir))

        self._refuse_elsewhere()
        self._take_place()
        sys.dont_write_bytecode = True  # our own files must not change, not even by ourselves
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
        self._closing.callback(self.gate.wait_for_run)
        self.starter = self._closing.enter_context(Starter(emit, hide=True))

    def stage(self, name: str) -> InplaceTree:
        """A new, empty tree."""
        place = os.path.join(self.layout.stages, os.fsencode(name))
        os.mkdir(place, 0o755)
        os.chmod(place, 0o755)  # noqa: S103 - an image's root is 0755, whatever our umask
        tree = InplaceTree(self, place)
        self.trees.append(tree)
        return tree

    def foreign_mounts(self) -> tuple[bytes, ...]:
        """Mounts of this container where an image may have names of its own, as they are now."""
        pins = self.layout.pins(mounts.mount_points())
        return foreign.among(pins, self.layout.never_moved)

    def blocked(self, path: ImagePath) -> str:
        """The mount, or the builder's own prefix, that a path lies in."""
        ours = (*self.foreign_mounts(), self.layout.prefix)
        found = foreign.above(path.relative, ours)
        return f"/{os.fsdecode(found)}" if found else ""

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
        self._own = self._own or self._look_at_own()
        for tree in self.trees:
            tree.look()

    def after_run(self, ran: InplaceTree) -> None:
        """Make sure that it did not; trees that it changed are damaged from now on.

        Raises:
            IntegrityError: The builder's own files changed.
        """
        if paths := [*snapshot.changed(self._own or {}, self._look_at_own())]:
            path = max(paths, key=lambda path: path.count(b"/"))  # not just its directory
            raise IntegrityError(
                f"the command changed the builder's own file /{os.fsdecode(self.layout.prefix)}"
                f"/{os.fsdecode(path)}",
                hint="keep RUN commands away from /pybuild; nothing was pushed",
            )
        for tree in self.trees:
            if tree is not ran and not tree.damaged and (paths := tree.changes_since_look()):
                tree.damaged = True
                self.emit(events.BuildWarning("StageTouched", _touched(tree, paths)))

    def _look_at_own(self) -> snapshot.Snapshot:
        """A snapshot of the builder's own files.

        The prefix's own ctime moves when a directory in it that may be written is copied up, so
        owner and mode stand for it; its names are compared like all others.
        """
        seen = snapshot.take(self.layout.home, self._own_written, self._own)
        status = os.lstat(self.layout.home)
        seen[b""][b""] = hash((status.st_mode, status.st_uid, status.st_gid))
        return seen

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
        shutil.rmtree(self.layout.stages, ignore_errors=True)
        os.makedirs(self.layout.stages)
        os.makedirs(self.layout.temporary, exist_ok=True)


class InplaceTree:
    """The tree of one stage, parked unless a RUN of its own is running."""

    def __init__(self, rootfs: InplaceRootfs, place: bytes) -> None:
        self._rootfs = rootfs
        self.place = place
        self.name = os.fsdecode(os.path.basename(place))
        self.damaged = False
        self._lives = 1
        self._warned: set[bytes] = set()
        self._seen: snapshot.Snapshot | None = None
        self._changed: list[bytes] = []

    def directory(self) -> Path:
        """The parked tree itself."""
        self._must_be_whole()
        return Path(os.fsdecode(self.place))

    @contextmanager
    def layer(self) -> Iterator[Path]:
        """The parked tree itself, while no RUN is running."""
        with self._rootfs.gate.writing():
            self._must_be_whole()
            self._seen = None
            yield self.directory()

    def run(self, process: Process, on_line: Callable[[str], None]) -> int:
        """Run a command with the tree in the root."""
        rootfs = self._rootfs
        self._must_be_whole()
        host_directory = process.host_directory and process.host_directory.resolve()
        self._refuse(process, host_directory)
        cwd = str(host_directory) if host_directory else process.cwd

        with rootfs.gate.running():
            rootfs.before_run()
            in_the_way = rootfs.foreign_mounts()
            self._warn_of_hidden(in_the_way)
            looks = foreign.looks(rootfs.layout.root, in_the_way)
            with (
                machine.kept(),
                turns.active(rootfs.layout, self.place, mounts.mount_points) as into,
            ):
                moved = self._keys_in_root(into.all_moves())
                snapshot.wait_for_tick(os.path.join(rootfs.layout.temporary, b"tick"))
                status = rootfs.starter.run(_spec(process, cwd), on_line)
                still = self._keys_in_root(moved)
            untouched = {path for path, key in moved.items() if key and key == still[path]}
            self._warn_of_writes(looks, foreign.looks(rootfs.layout.root, in_the_way))
            self._look_for_changes(untouched, into.all_merges())
            rootfs.after_run(self)
        return status

    def candidates(self) -> Iterator[Candidate]:
        """What the last run changed, and the directories that were merged with ours."""
        for path in self._changed:
            yield entries.candidate(self.place, path)

    def close(self) -> None:
        """Forget the tree; deleting during a build is slow."""
        if self in self._rootfs.trees:
            self._rootfs.trees.remove(self)

    def look(self) -> None:
        """Have a snapshot of the tree as it is now."""
        if self._seen is None:
            self._seen = snapshot.take(self.place)

    def changes_since_look(self) -> list[bytes]:
        """Paths that are not as they were at the last look."""
        now = snapshot.take(self.place, known=self._seen)
        return sorted(snapshot.changed(self._seen or {}, now))

    def start_over(self) -> None:
        """Be empty, in another directory: deleting during a build is slow."""
        self._lives += 1
        with self._rootfs.gate.writing():
            self.place = os.path.join(
                self._rootfs.layout.stages, os.fsencode(f"{self.name}.{self._lives}")
            )
            os.mkdir(self.place, 0o755)
            os.chmod(self.place, 0o755)  # noqa: S103 - an image's root is 0755, whatever our umask
            self._seen, self._changed, self.damaged = None, [], False

    def _must_be_whole(self) -> None:
        if self.damaged:
            raise IntegrityError(
                f"the files of {self.name} were changed by another stage's command",
                hint="keep RUN commands away from /pybuild (find / -xdev reaches it)",
            )

    def _warn_of_hidden(self, in_the_way: Iterable[bytes]) -> None:
        for mount in in_the_way:
            if mount not in self._warned and foreign.hides(self.place, mount):
                self._warned.add(mount)
                self._warn(
                    f"/{os.fsdecode(mount)} is a mount of this container: RUN sees it instead of"
                    " what the image has there"
                )

    def _warn_of_writes(self, before: Mapping[bytes, int], now: Mapping[bytes, int]) -> None:
        written = sorted({path for path, _ in before.items() ^ now.items()})
        if written:
            names = ", ".join(f"/{os.fsdecode(path)}" for path in written[:_MOST_NAMED])
            self._warn(f"the command wrote to a mount of this container, not the image: {names}")

    def _warn(self, text: str) -> None:
        self._rootfs.emit(events.BuildWarning("ForeignMount", text))

    def _refuse(self, process: Process, host_directory: Path | None) -> None:
        layout = self._rootfs.layout
        prefix = os.fsdecode(layout.prefix)
        if os.path.lexists(os.path.join(self.place, layout.prefix)):
            raise HostUnsupported(
                f"the image has a /{prefix}, where this builder lies itself",
                hint="run this build with CAP_SYS_ADMIN, so that overlay can be used",
            )
        pins = layout.pins(mounts.mount_points())
        place = ImagePath.parse(process.cwd)
        in_the_way = foreign.above(place.relative, foreign.among(pins, layout.never_moved))
        if host_directory and not _is_below(host_directory, pins):
            raise HostUnsupported(
                f"{host_directory} would move away while the command runs",
                hint=f"use a directory that is mounted, or one below /{prefix}",
            )
        if in_the_way and not host_directory:
            raise HostUnsupported(
                f"the working directory {process.cwd} lies in the mount"
                f" /{os.fsdecode(in_the_way)} of this container, not in the image",
                hint="choose another WORKDIR, or mount it elsewhere",
            )

    def _keys_in_root(self, paths: Iterable[bytes]) -> dict[bytes, int]:
        """Keys by path; 0 where there is nothing."""
        keys = {}
        for path in paths:
            try:
                keys[path] = snapshot.key_of(os.lstat(os.path.join(self._rootfs.layout.root, path)))
            except FileNotFoundError:
                keys[path] = 0
        return keys

    def _look_for_changes(self, untouched: set[bytes], merged: list[bytes]) -> None:
        """Compare with the last look; a rename into the root and back moves a ctime too."""
        now = snapshot.take(self.place, known=self._seen)
        found = set(snapshot.changed(self._seen or {}, now)) - untouched
        self._changed = sorted(found | set(merged))
        self._seen = now


def refusal(layout: Layout) -> str:
    """Why this place is not one to work in, or empty."""
    marker = os.fsdecode(layout.marker)
    if not os.path.isfile(layout.marker):
        return f"this is not the builder's own image: {marker} is not there"
    if os.geteuid() != _ROOT_UID:
        return f"user id {os.geteuid()} is not root"
    return ""


def _spec(process: Process, cwd: str) -> RunSpec:
    as_root = process.uid == _ROOT_UID
    return RunSpec(
        argv=list(process.argv),
        env=[[*pair] for pair in process.env],
        cwd=cwd,
        ids=(process.uid, process.gid, list(process.groups)),
        domain=as_root,
        no_new_privs=as_root,
    )


def _touched(tree: InplaceTree, paths: list[bytes]) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return (
        f"the command changed /{os.fsdecode(paths[0])}{more} of another stage, {tree.name};"
        " it will be unpacked again if it is needed (find / -xdev reaches /pybuild)"
    )


def _is_below(path: Path, pins: Iterable[bytes]) -> bool:
    relative = os.path.relpath(os.fsencode(path), b"/")
    return any(relative == pin or relative.startswith(pin + b"/") for pin in pins)
