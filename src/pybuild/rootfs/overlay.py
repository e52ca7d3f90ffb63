"""Run in overlay mounts: where the process has CAP_SYS_ADMIN; stages may run at the same time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from pybuild import events
from pybuild.ports import Process
from pybuild.rootfs import mountpoints, upper
from pybuild.rootfs.mountpoints import Bind
from pybuild.rootfs.run import syscalls
from pybuild.rootfs.run.protocol import RunSpec
from pybuild.rootfs.run.syscalls import MS_PRIVATE, MS_REC
from pybuild.rootfs.stack import Stack
from pybuild.rootfs.starter import Starter
from pybuild.tree.entry import Candidate

_KERNEL_FILESYSTEMS = ("/proc", "/sys", "/dev")
_RESOLVING = ("/etc/hosts", "/etc/resolv.conf")
# What Docker gives a container (moby, oci/caps/defaults.go): CHOWN DAC_OVERRIDE FOWNER FSETID KILL
# SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP.
_DEFAULT_CAPABILITIES = 0xA80425FB


class OverlayRootfs:
    """Trees below the state directory, seen through mounts in a namespace of this process."""

    name = "overlay"
    overlaps = True

    def __init__(self, state_dir: Path, emit: events.Emit) -> None:
        # Our mounts shall be seen by nobody else, and end with us, however we end.
        syscalls.unshare(syscalls.CLONE_NEWNS)
        syscalls.mount("", "/", flags=MS_REC | MS_PRIVATE)
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)

        self._closing = ExitStack()
        trees = state_dir / "trees"
        trees.mkdir(parents=True, exist_ok=True)
        self._place = Path(tempfile.mkdtemp(dir=trees)).resolve()
        self._closing.callback(shutil.rmtree, self._place)
        self.starter = Starter(emit, hide=True)
        self._stages: list[OverlayTree] = []

    def stage(self, name: str) -> OverlayTree:
        """A new, empty tree."""
        tree = OverlayTree(self.starter, self._place / name)
        self._stages.append(tree)
        return tree

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

    def __init__(self, starter: Starter, place: Path) -> None:
        place.mkdir()
        self._starter = starter
        self._place: Path | None = place
        self._stack = Stack(place / "stack")
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
                domain=True,
                capabilities=_DEFAULT_CAPABILITIES,
            )
            status = self._starter.run(spec, on_line)
        self._ran = self._stack.top
        return status

    def candidates(self) -> Iterator[Candidate]:
        """What lies in the last RUN's upper directory, and what it hides."""
        if self._ran is not None:
            yield from upper.candidates(self._ran, self._stack.below_top)

    def close(self) -> None:
        """Unmount and delete; idempotent."""
        if self._place is not None:
            self._stack.close()
            shutil.rmtree(self._place)
            self._place = None

    def _binds(self, host_directory: Path | None) -> list[Bind]:
        """What a RUN sees of the machine; name resolution by copies, which it may write to."""
        binds = [Bind(Path(path), path) for path in _KERNEL_FILESYSTEMS]
        for path in _RESOLVING:
            copy = self._own_copy(Path(path))
            binds.append(Bind(copy, path))
        if host_directory:
            binds.append(Bind(host_directory, str(host_directory)))
        return binds

    def _own_copy(self, file: Path) -> Path:
        place = self._place or Path()
        copy = place / file.name
        copy.write_bytes(file.read_bytes() if file.is_file() else b"")
        copy.chmod(0o644)
        return copy
