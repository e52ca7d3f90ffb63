# ruff: noqa: PTH102, PTH101, PTH118, PTH119 - paths in images are bytes, which pathlib does not take
"""The tree of one stage in our own image: parked, but while a RUN of its own is on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pybuild import events
from pybuild.errors import HostUnsupported, IntegrityError
from pybuild.imagepath import ImagePath
from pybuild.ports import Process
from pybuild.rootfs import entries, foreign, machine, mounts, snapshot, turns
from pybuild.rootfs.run.protocol import RunSpec
from pybuild.tree.entry import Candidate

if TYPE_CHECKING:
    from pybuild.rootfs.inplace import InplaceRootfs

_ROOT_UID = 0
_MOST_NAMED = 5  # paths in a message


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


def _is_below(path: Path, pins: Iterable[bytes]) -> bool:
    relative = os.path.relpath(os.fsencode(path), b"/")
    return any(relative == pin or relative.startswith(pin + b"/") for pin in pins)
