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
from pybuild.ports import FileMount, Process, Prove, SocketMount
from pybuild.rootfs import limits, mountpoints, places, upper
from pybuild.rootfs.overlay_mounts import OverlayMounts
from pybuild.rootfs.run import syscalls, tryout, userns
from pybuild.rootfs.run.protocol import RunSpec
from pybuild.rootfs.run.syscalls import MS_PRIVATE, MS_REC
from pybuild.rootfs.run.userns import IdMap
from pybuild.rootfs.stack import Stack
from pybuild.rootfs.starter import Starter
from pybuild.tree.entry import Candidate

# BuildKit's name of the machine in every RUN (executor/oci/hosts.go).
_HOSTNAME = "buildkitsandbox"
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
        own_network: A RUN can have a network namespace.
        own_hostname: A RUN gets a name of its own for the machine.
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
        own_network: bool = True,
        own_hostname: bool = True,
    ) -> None:
        self.id_map = id_map
        self.emit = emit
        self.own_processes = own_processes
        self._own_network = own_network
        self._own_hostname = own_hostname
        self._may_raise_limits = limits.may_raise(in_user_namespace=id_map is not None)
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
        if process.network == "none" and not self._own_network:
            return "this place does not allow a network namespace, which network none needs"
        if process.sandbox.hostname and not self._own_hostname:
            return "this place does not allow a UTS namespace, which a hostname needs"
        if self.id_map and (reason := _owners_missing(process, self.id_map)):
            return reason
        return limits.refusal(process.sandbox.limits, privileged=self._may_raise_limits)

    def hostname(self, process: Process) -> str:
        """What a RUN calls its machine; empty is the machine's own name."""
        return process.sandbox.hostname or _HOSTNAME if self._own_hostname else ""

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
        self._mounts = OverlayMounts(place / "mounts", self._options, self._warn)
        self._ran: Path | None = None

    def directory(self) -> Path:
        """The base, or a read-only mount of everything."""
        return self._stack.view()

    @contextmanager
    def reading(self) -> Iterator[Path]:
        """The same as ``directory``: no RUN reaches another's tree."""
        yield self.directory()

    @contextmanager
    def layer(self, prove: Prove | None = None) -> Iterator[Path]:  # noqa: ARG002 - the port's
        """Before the first RUN the base itself, later a mount; no RUN reaches another's tree."""
        if self._stack.is_plain:
            yield self._stack.base
            return
        with self._stack.writable() as merged:
            yield merged

    def run(self, process: Process, on_line: Callable[[str], None]) -> int:
        """Run a command with the tree as its root."""
        self._refuse(process)
        rootfs, host_directory = self._rootfs, process.host_directory
        hostname = rootfs.hostname(process)
        with self._stack.writable() as merged, self._mounts.ready(process, hostname) as mounts:
            spec = RunSpec(
                argv=list(process.argv),
                env=[[*pair] for pair in process.env],
                cwd=str(host_directory.resolve()) if host_directory else process.cwd,
                ids=(process.uid, process.gid, list(process.groups)),
                limits=tuple((it.name, it.soft, it.hard) for it in process.sandbox.limits),
                root=str(merged),
                mounts=mounts,
                scratch=str(self._mounts.scratch),
                hostname=hostname,
                own_network=process.network == "none",
                own_processes=rootfs.own_processes,
                domain=True,
                capabilities=_DEFAULT_CAPABILITIES,
            )
            made: list[str] = []
            try:
                status = rootfs.starter.run(spec, on_line, made)
            finally:
                mountpoints.remove(merged, made)
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

    def _refuse(self, process: Process) -> None:
        id_map = self._rootfs.id_map
        if id_map and not id_map.has(process.uid, process.gid):
            raise HostUnsupported(
                f"user {process.uid}:{process.gid} cannot be had here: {_ids(id_map)}",
                hint="give this user ranges in /etc/subuid and /etc/subgid and install newuidmap"
                " (package uidmap), or use the pybuild-action image as root",
            )

    def _warn(self, text: str) -> None:
        self._rootfs.emit(events.BuildWarning("MountDropped", text))


def _owners_missing(process: Process, id_map: IdMap) -> str:
    for mount in process.mounts:
        match mount:
            case FileMount() | SocketMount() if not id_map.has(mount.uid, mount.gid):
                owner = f"the owner {mount.uid}:{mount.gid} of the mount {mount.target}"
                return f"{owner} cannot be had: {_ids(id_map)}"
            case _:
                pass
    return ""


def _ids(id_map: IdMap) -> str:
    if id_map.single:
        return "this user namespace has one id only"
    return f"this user namespace has ids up to {id_map.uids[-1][0] + id_map.uids[-1][2] - 1}"
