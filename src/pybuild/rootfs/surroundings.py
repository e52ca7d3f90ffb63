"""What is around a RUN in place, as far as it can be had without namespaces."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from pybuild.errors import HostUnsupported
from pybuild.ports import FileMount, Process, Sandbox
from pybuild.rootfs import limits
from pybuild.rootfs.hosts import hosts_file

_HOSTS = "etc/hosts"


def refusal(process: Process) -> str:
    """Why a command's surroundings cannot be had here, or empty."""
    if process.network == "none":
        return "a RUN without network needs a network namespace, which cannot be made here"
    privileged = limits.may_raise(in_user_namespace=False)
    return limits.refusal(process.sandbox.limits, privileged=privileged)


def not_had(sandbox: Sandbox) -> Iterator[str]:
    """What of a sandbox is left out, each as a warning."""
    if sandbox.hostname:
        yield f"the host name {sandbox.hostname} cannot be set here: a RUN sees the container's own"
    if sandbox.shm_bytes is not None:
        yield "the size of /dev/shm cannot be set here: a RUN has the container's own"


def own_hosts(sandbox: Sandbox, tree: bytes, pins: Collection[bytes]) -> tuple[FileMount, ...]:
    """An ``/etc/hosts`` to be mounted, where the runtime has not mounted one."""
    if not sandbox.hosts or os.fsencode(_HOSTS) in pins:
        return ()
    image_s = Path(os.fsdecode(tree), _HOSTS)
    own = image_s.read_bytes() if image_s.is_file() and not image_s.is_symlink() else b""
    return (FileMount(f"/{_HOSTS}", _with_lines(own, sandbox), mode=0o644),)


def add_hosts(sandbox: Sandbox, root: bytes, pins: Collection[bytes]) -> None:
    """Write lines into the runtime's ``/etc/hosts``; who restores it has read it already.

    Raises:
        HostUnsupported: It cannot be written.
    """
    if not sandbox.hosts or os.fsencode(_HOSTS) not in pins:
        return
    path = Path(os.fsdecode(root), _HOSTS)
    try:
        path.write_bytes(_with_lines(path.read_bytes(), sandbox))  # in place: it is a mount
    except OSError as error:
        raise HostUnsupported(
            f"a line cannot be added to /{_HOSTS} of this container: {error.strerror}",
            hint="build without --add-host, or start the container with --add-host",
        ) from error


def _with_lines(own: bytes, sandbox: Sandbox) -> bytes:
    text = own.decode(errors="surrogateescape")
    return hosts_file(text, sandbox, "").encode(errors="surrogateescape")
