"""What a RUN in an overlay has mounted: the kernel's, name resolution, and what it asks for."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import assert_never

from pybuild import ports
from pybuild.ports import Access, EmptyMount, FileMount, HostMount, Process, SocketMount
from pybuild.rootfs import relay
from pybuild.rootfs.dropped import private
from pybuild.rootfs.hosts import hosts_file
from pybuild.rootfs.run.protocol import Mount

_HOSTS, _RESOLVER = Path("/etc/hosts"), Path("/etc/resolv.conf")


class OverlayMounts:
    """Makes ready what RUNs of one tree have mounted.

    Args:
        place: A directory of its own, beside the tree's, not there yet.
        options: Those of every overlay mount.
        warn: Told of what a RUN will not see.
    """

    def __init__(self, place: Path, options: str, warn: Callable[[str], None]) -> None:
        self._place = place
        self._options = options
        self._warn = warn
        self._place.mkdir()
        self.scratch = place / "scratch"
        self.scratch.mkdir()

    @contextmanager
    def ready(self, process: Process, hostname: str) -> Iterator[tuple[Mount, ...]]:
        """Have everything at hand that a RUN mounts, in the order of mounting.

        Args:
            process: The RUN.
            hostname: Its name for the machine; empty is the machine's own.
        """
        with ExitStack() as stack:
            yield (
                Mount("proc", "/proc"),
                Mount("sys", "/sys"),
                Mount("dev", "/dev", size_bytes=process.sandbox.shm_bytes or 0),
                *self._resolving(process, hostname),
                *_host_directory(process),
                *(self._mount(mount, stack) for mount in process.mounts),
            )

    def _resolving(self, process: Process, hostname: str) -> Iterator[Mount]:
        """Copies, which a RUN may write to."""
        machine = _read(_HOSTS).decode(errors="surrogateescape")
        text = hosts_file(machine, process.sandbox, hostname).encode(errors="surrogateescape")
        for path, content in ((_HOSTS, text), (_RESOLVER, _read(_RESOLVER))):
            copy = self._place / path.name
            copy.write_bytes(content)
            copy.chmod(0o644)
            yield Mount("bind", str(path), str(copy))

    def _mount(self, mount: ports.Mount, stack: ExitStack) -> Mount:
        match mount:
            case HostMount(source, target, Access.DROPPED):
                place = self._own(stack)
                shown = stack.enter_context(private(source, place, self._options, self._warn))
                return Mount("bind", target, str(shown))
            case HostMount(source, target, access):
                return Mount("bind", target, str(source), access is Access.READ_ONLY)
            case EmptyMount(target, size_bytes):
                return Mount("tmpfs", target, size_bytes=size_bytes or 0)
            case FileMount(target, data, mode, uid, gid):
                text = base64.b64encode(data).decode()
                return Mount("file", target, data=text, mode=mode, owner=(uid, gid))
            case SocketMount(source, target, mode, uid, gid):
                place = self._own(stack) / "socket"
                name = os.fsencode(place)
                stack.enter_context(relay.listening(name, source, mode, (uid, gid)))
                return Mount("bind", target, str(place), read_only=True)
            case _:
                assert_never(mount)

    def _own(self, stack: ExitStack) -> Path:
        number = 0
        while (place := self._place / str(number)).exists():
            number += 1
        place.mkdir()
        stack.callback(shutil.rmtree, place)
        return place


def _host_directory(process: Process) -> Iterator[Mount]:
    if process.host_directory:
        directory = str(process.host_directory.resolve())
        yield Mount("bind", directory, directory)


def _read(file: Path) -> bytes:
    return file.read_bytes() if file.is_file() else b""
