# ruff: noqa: PTH102, PTH101, PTH118 - paths in images are bytes, which pathlib does not take
"""The tree of one stage in our own image: parked, but while a RUN of its own is on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pybuild.errors import HostUnsupported, PybuildError, Terminated, TreeChanged
from pybuild.imagepath import ImagePath
from pybuild.ports import HostMount, Process
from pybuild.rootfs import entries, foreign, machine, mounts, snapshot, surroundings, turns
from pybuild.rootfs.display import is_kept
from pybuild.rootfs.gate import Exposure
from pybuild.rootfs.run.protocol import RunSpec
from pybuild.tree.entry import Candidate

if TYPE_CHECKING:
    from pybuild.rootfs.inplace import InplaceRootfs

_ROOT_UID = 0

Prove = Callable[[Iterator[Candidate]], bool]
"""Whether the names of a tree, all of them, are what they must be."""


class InplaceTree:
    """The tree of one stage, parked unless a RUN of its own is running."""

    def __init__(self, rootfs: InplaceRootfs, name: str) -> None:
        self._rootfs = rootfs
        self.name = name
        self.damaged = False
        self.exposure = Exposure()
        self.place = b""  # until it is first written to
        self._lives = 0
        self._seen: snapshot.Snapshot | None = None
        self._changed: list[bytes] = []

    def directory(self) -> Path:
        """The parked tree itself."""
        self._must_be_whole()
        self._make_place()
        return Path(os.fsdecode(self.place))

    @contextmanager
    def layer(self, prove: Prove | None = None) -> Iterator[Path]:
        """The parked tree itself.

        Without prove, while no RUN is on. With it, whoever runs: where a RUN was on meanwhile,
        prove is asked at the end, with every name of the tree, while none is. If it says no, the
        tree is damaged. So it is where the block fails then, for the RUN may be why: the error is
        dropped.
        """
        if prove is None:
            with self._rootfs.gate.writing():
                self._must_be_whole()
                self._seen = None
                yield self.directory()
            return
        try:
            with self._rootfs.gate.beside(self.exposure):
                self._must_be_whole()
                self._seen = None
                yield self.directory()
        except (OSError, PybuildError) as error:
            if not self.exposure.exposed or isinstance(error, Terminated):
                raise
            self._judge(lambda _: False)
        else:
            if self.exposure.exposed:
                self._judge(prove)

    @contextmanager
    def reading(self) -> Iterator[Path]:
        """The parked tree itself, whoever runs; nothing is written to it in the block.

        Where a RUN was on meanwhile, its end is waited for.

        Raises:
            TreeChanged: That RUN changed the tree: what was read in the block is worth nothing.
        """
        exposure = Exposure()
        with self._rootfs.gate.beside(exposure):
            yield self.directory()
        if exposure.exposed:
            with self._rootfs.gate.writing():
                self._must_be_whole()

    def run(self, process: Process, on_line: Callable[[str], None]) -> int:
        """Run a command with the tree in the root."""
        rootfs = self._rootfs
        self._must_be_whole()
        host_directory = process.host_directory and process.host_directory.resolve()
        self._refuse(process, host_directory)
        for text in surroundings.not_had(process.sandbox):
            rootfs.mounts.tell(text)

        with rootfs.gate.running():
            self._must_be_whole()  # still: another RUN may have had its turn
            self._sources_must_be_whole(process)
            self._make_place()
            present = rootfs.foreign.present()
            rootfs.foreign.refuse(self.place, present)
            rootfs.before_run()
            kept = [os.fsencode(it.source) for it in process.mounts if is_kept(it)]
            with rootfs.foreign.watched(present, kept):
                status = self._run_in_root(process, _spec(process, host_directory), on_line)
            rootfs.after_run(self)
        return status

    def _run_in_root(self, process: Process, spec: RunSpec, on_line: Callable[[str], None]) -> int:
        rootfs, layout = self._rootfs, self._rootfs.layout
        pins = layout.pins(mounts.mount_points())
        hosts = surroundings.own_hosts(process.sandbox, self.place, pins)
        with (
            machine.kept(),
            rootfs.mounts.shown(self.place, (*process.mounts, *hosts)) as display,
            turns.active(layout, self.place, mounts.mount_points) as into,
        ):
            places = {path: os.path.join(layout.root, path) for path in into.all_moves()}
            places |= display.places()
            before = _keys(places)
            display.began()
            surroundings.add_hosts(process.sandbox, layout.root, pins)
            snapshot.wait_for_tick(os.path.join(layout.temporary, b"tick"))
            status = rootfs.starter.run(spec, on_line)
            display.ended()
            after = _keys(places)
        untouched = {path for path, key in before.items() if key and key == after[path]}
        self._look_for_changes(untouched, into.all_merges())
        return status

    def candidates(self) -> Iterator[Candidate]:
        """What the last run changed, and the directories that were merged with ours."""
        for path in self._changed:
            yield entries.candidate(self.place, path)

    def close(self) -> None:
        """Forget the tree; deleting during a build is slow."""
        if self in self._rootfs.trees:
            self._rootfs.trees.remove(self)

    def look(self) -> bool:
        """Have a snapshot of the tree as it is now; no, where its times cannot be trusted."""
        if self.place and self._seen is None:
            try:
                self._seen = snapshot.take(self.place)
            except OSError:  # names come and go in a tree that is filled at the same time
                if self.exposure.trusted:
                    raise
        return bool(self.place) and self.exposure.trusted

    def changes_since_look(self) -> list[bytes]:
        """Paths that are not as they were at the last look; none of a tree filled meanwhile."""
        paths = [b""]  # the tree is not even there
        with contextlib.suppress(OSError):
            now = snapshot.take(self.place, known=self._seen)
            paths = sorted(snapshot.changed(self._seen or {}, now))
        return paths if self.exposure.trusted else []

    def start_over(self) -> None:
        """Be empty, in another directory: deleting during a build is slow."""
        with self._rootfs.gate.writing():
            self.place = b""
            self._make_place()
            self._seen, self._changed, self.damaged = None, [], False
            self.exposure = Exposure()

    def _make_place(self) -> None:
        """Have a directory: made when it is needed, so that no RUN has been at it before."""
        while not self.place:
            self._lives += 1
            name = self.name if self._lives == 1 else f"{self.name}.{self._lives}"
            place = os.path.join(self._rootfs.layout.stages, os.fsencode(name))
            if not os.path.lexists(place):
                os.mkdir(place, 0o755)
                os.chmod(place, 0o755)  # noqa: S103 - an image's root is 0755, whatever our umask
                self.place = place

    def _judge(self, prove: Prove) -> None:
        with self._rootfs.gate.writing():
            try:
                is_sound = prove(entries.candidates(self.place))
            except OSError:
                is_sound = False  # the tree is not even there
            if not is_sound and not self.damaged:
                self._rootfs.damage(self, ())
            self._seen = None
            self.exposure.exposed = False

    def _must_be_whole(self) -> None:
        if self.damaged:
            raise TreeChanged(
                f"the files of {self.name} were changed by another stage's command",
                hint="keep RUN commands away from /pybuild (find / -xdev reaches it)",
            )

    def _sources_must_be_whole(self, process: Process) -> None:
        """A mount's source that lies in a tree must lie in one as it is now, and a sound one."""
        sound = [tree.place for tree in self._rootfs.trees if tree.place and not tree.damaged]
        stages = self._rootfs.layout.stages
        for mount in process.mounts:
            source = os.fsencode(mount.source) if isinstance(mount, HostMount) else b""
            if _is_in(source, stages) and not any(_is_in(source, place) for place in sound):
                raise TreeChanged(
                    f"what is mounted at {mount.target} was changed by another stage's command",
                    hint="keep RUN commands away from /pybuild (find / -xdev reaches it)",
                )

    def _refuse(self, process: Process, host_directory: Path | None) -> None:
        layout = self._rootfs.layout
        prefix = os.fsdecode(layout.prefix)
        if self.place and os.path.lexists(os.path.join(self.place, layout.prefix)):
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

    def _look_for_changes(self, untouched: set[bytes], merged: list[bytes]) -> None:
        """Compare with the last look; a rename into the root and back moves a ctime too."""
        now = snapshot.take(self.place, known=self._seen)
        found = set(snapshot.changed(self._seen or {}, now)) - untouched
        self._changed = sorted(found | set(merged))
        self._seen = now


def _keys(places: Mapping[bytes, bytes]) -> dict[bytes, int]:
    """Keys by path of the tree; 0 where there is nothing."""
    keys = {}
    for path, place in places.items():
        try:
            keys[path] = snapshot.key_of(os.lstat(place))
        except (FileNotFoundError, NotADirectoryError):
            keys[path] = 0
    return keys


def _spec(process: Process, host_directory: Path | None) -> RunSpec:
    as_root = process.uid == _ROOT_UID
    return RunSpec(
        argv=list(process.argv),
        env=[[*pair] for pair in process.env],
        cwd=str(host_directory or process.cwd),
        ids=(process.uid, process.gid, list(process.groups)),
        limits=tuple((it.name, it.soft, it.hard) for it in process.sandbox.limits),
        domain=as_root,
        no_new_privs=as_root,
    )


def _is_in(path: bytes, directory: bytes) -> bool:
    return path == directory or path.startswith(directory + b"/")


def _is_below(path: Path, pins: Iterable[bytes]) -> bool:
    relative = os.path.relpath(os.fsencode(path), b"/")
    return any(relative == pin or relative.startswith(pin + b"/") for pin in pins)
