"""Run in overlay mounts: where the process has CAP_SYS_ADMIN, or can get it in a user namespace.

Stages may run at the same time.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from pybuild import events
from pybuild.errors import HostUnsupported
from pybuild.imagepath import ImagePath
from pybuild.ports import PLAIN_SANDBOX, Process
from pybuild.rootfs import mountpoints, places, upper
from pybuild.rootfs.mountpoints import Bind
from pybuild.rootfs.run import syscalls, tryout, userns
from pybuild.rootfs.run.protocol import RunSpec
from pybuild.rootfs.run.syscalls import MS_PRIVATE, MS_REC
from pybuild.rootfs.run.userns import IdMap
from pybuild.rootfs.stack import Stack
from pybuild.rootfs.starter import Starter
from pybuild.tree.entry import Candidate

_KERNEL_FILESYSTEMS = ("proc", "sys", "dev")
_RESOLVING = ("/etc/hosts", "/etc/resolv.conf")
# What Docker gives a container (moby, oci/caps/defaults.go): CHOWN DAC_OVERRIDE FOWNER FSETID KILL
# SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP.
_DEFAULT_CAPABILITIES = 0xA80425FB


class OverlayRootfs:
    """Trees below the state directory, seen through mounts in a namespace of this process.

    Args:
        state_dir: On a filesystem that can hold an upper directory.
        emit: Gets events.
        id_map: A user namespace to enter, with this whole process: files are unpacked and packed
            with the ids and the ``security.capability`` that a RUN sees.
        own_processes: A RUN gets a PID namespace.
    """

    name = "overlay"
    overlaps = True

    def __init__(
        self,
        state_dir: Path,
        emit: events.Emit,
        id_map: IdMap | None = None,
        *,
        own_processes: bool = True,
    ) -> None:
        self.id_map = id_map
        self.own_processes = own_processes
        # Our mounts shall be seen by nobody else, and end with us, however we end.
        if id_map:
            userns.enter(id_map)
        else:
            syscalls.unshare(syscalls.CLONE_NEWNS)
        syscalls.mount("", "/", flags=MS_REC | MS_PRIVATE)
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)

        self._closing = ExitStack()
        self._place = places.claim(state_dir / "trees", self._closing)
        self.starter = Starter(emit, hide=True)
        self._stages: list[OverlayTree] = []

    def stage(self, name: str) -> OverlayTree:
        """A new, empty tree."""
        tree = OverlayTree(self, self._place / name)
        self._stages.append(tree)
        return tree

    def blocked(self, path: ImagePath) -> str:  # noqa: ARG002 - the port's
        """Nothing of this machine lies in a tree."""
        return ""

    def refusal(self, process: Process) -> str:
        """What of a command's surroundings cannot be had here."""
        if process.mounts or process.network == "none" or process.sandbox != PLAIN_SANDBOX:
            return "mounts, networks and limits of a RUN are not supported yet"
        return ""

    def run_on_host(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: Path,
        on_line: Callable[[str], None],
    ) -> int:
        """Run a command of this machine."""
        spec = RunSpec(list(argv), [[*pair] for pair in env.items()], str(cwd))
        return self.starter.run(spec, on_line)

    def stop(self) -> None:
        """End every RUN that is on, from another thread than theirs, and refuse later ones."""
        self.starter.stop()

    def close(self) -> None:
        """End the starter, unmount and delete all trees; idempotent; no RUN may be running."""
        self.starter.close()
        while self._stages:
            self._stages.pop().close()
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class OverlayTree:
    """The tree of one stage: a base directory, then one directory a RUN or a later layer."""

    damaged = False

    def __init__(self, rootfs: OverlayRootfs, place: Path) -> None:
        place.mkdir()
        self._rootfs = rootfs
        self._place: Path | None = place
        self._mark = upper.USER_OPAQUE if rootfs.id_map else upper.TRUSTED_OPAQUE
        self._options = tryout.USERNS_OPTIONS if rootfs.id_map else tryout.OPTIONS
        self._stack = Stack(place / "stack", self._options)
        self._ran: Path | None = None

    def directory(self) -> Path:
        """The base, or a read-only mount of everything."""
        return self._stack.view()

    @contextmanager
    def layer(self) -> Iterator[Path]:
        """Before the first RUN the base itself, later a mount."""
        if self._stack.is_plain:
            yield self._stack.base
            return
        with self._stack.writable() as merged:
            yield merged

    def run(self, process: Process, on_line: Callable[[str], None]) -> int:
        """Run a command with the tree as its root."""
        self._refuse(process)
        host_directory = process.host_directory and process.host_directory.resolve()
        binds = self._binds(host_directory)
        with self._stack.writable() as merged, mountpoints.made(merged, binds) as pairs:
            spec = RunSpec(
                argv=list(process.argv),
                env=[[*pair] for pair in process.env],
                cwd=str(host_directory) if host_directory else process.cwd,
                ids=(process.uid, process.gid, list(process.groups)),
                root=str(merged),
                binds=pairs,
                own_processes=self._rootfs.own_processes,
                domain=True,
                capabilities=_DEFAULT_CAPABILITIES,
            )
            status = self._rootfs.starter.run(spec, on_line)
        self._ran = self._stack.top
        return status

    def candidates(self) -> Iterator[Candidate]:
        """What lies in the last RUN's upper directory, and what it hides."""
        if self._ran is not None:
            yield from upper.candidates(self._ran, self._stack.below_top, self._mark)

    def start_over(self) -> None:
        """Be empty again."""
        if self._place is not None:
            self._stack.close()
            self._stack = Stack(self._place / "stack", self._options)
            self._ran = None

    def close(self) -> None:
        """Unmount and delete; idempotent."""
        if self._place is not None:
            self._stack.close()
            shutil.rmtree(self._place)
            self._place = None

    def _binds(self, host_directory: Path | None) -> list[Bind]:
        """What a RUN sees of the machine; name resolution by copies, which it may write to."""
        binds = [Bind(name, f"/{name}") for name in _KERNEL_FILESYSTEMS]
        for path in _RESOLVING:
            copy = self._own_copy(Path(path))
            binds.append(Bind(str(copy), path, is_directory=False))
        if host_directory:
            binds.append(Bind(str(host_directory), str(host_directory)))
        return binds

    def _refuse(self, process: Process) -> None:
        id_map = self._rootfs.id_map
        if id_map and not id_map.has(process.uid, process.gid):
            raise HostUnsupported(
                f"user {process.uid}:{process.gid} cannot be had here: this user namespace has"
                f" {_shown(id_map)}",
                hint="give this user ranges in /etc/subuid and /etc/subgid and install newuidmap"
                " (package uidmap), or use the pybuild-action image as root",
            )

    def _own_copy(self, file: Path) -> Path:
        place = self._place or Path()
        copy = place / file.name
        copy.write_bytes(file.read_bytes() if file.is_file() else b"")
        copy.chmod(0o644)
        return copy


def _shown(id_map: IdMap) -> str:
    if id_map.single:
        return "one id only"
    return f"ids up to {id_map.uids[-1][0] + id_map.uids[-1][2] - 1}"
