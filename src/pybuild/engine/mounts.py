"""``RUN --mount``: what of this machine a command sees while it runs, as files and variables."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

from pybuild import ports
from pybuild.engine.caches import opened
from pybuild.engine.job import Job
from pybuild.engine.progress import Vertex
from pybuild.engine.sources import Sources
from pybuild.engine.tools import Inputs
from pybuild.graph.plan import (
    BindMount,
    CacheMount,
    RunAction,
    SecretMount,
    SshMount,
    TemporaryMount,
)

AGENT_VARIABLE = "SSH_AUTH_SOCK"  # ssh(1)
_SCRIPT_MODE = 0o755  # of BuildKit's /dev/pipes


@dataclass(frozen=True, slots=True)
class Mounted:
    """What a command gets besides its tree.

    Attributes:
        env: Variables that win over the image's; in no key and no history.
    """

    mounts: tuple[ports.Mount, ...]
    env: tuple[tuple[str, str], ...] = field(repr=False)


@contextmanager
def mounted(action: RunAction, sources: Sources, vertex: Vertex, job: Job) -> Iterator[Mounted]:
    """Everything that a RUN mounts, ready, for as long as the block lasts.

    Raises:
        DockerfileError: A source is not there.
        StateError: The disk refuses.
    """
    places: dict[BindMount | CacheMount, Path] = {
        mount: sources.place(mount.source, mount.path)
        for mount in action.mounts
        if isinstance(mount, BindMount)
    }
    wanted = [mount for mount in action.mounts if isinstance(mount, CacheMount)]
    # The caches last: nobody waits for one while this RUN only prepares.
    with opened(wanted, job, sources, vertex) as caches:
        places |= dict(caches.items())
        # A target may lie in another one's: the outer is made first, whichever was written first
        # (containerd sorts by the number of components, too).
        mounts = tuple(sorted(mounts_of(action, job.inputs, places.__getitem__), key=_depth))
        yield Mounted(mounts, tuple(_variables(action, job.inputs)))


def mounts_of(
    action: RunAction, inputs: Inputs, place: Callable[[BindMount | CacheMount], Path]
) -> Iterator[ports.Mount]:
    """The mounts of a RUN as written; optional ones that nobody gave are left out.

    Args:
        action: Asks for them.
        inputs: Secrets and agents.
        place: Tells where this machine has a source.
    """
    for mount in action.mounts:
        match mount:
            case BindMount() | CacheMount():
                yield ports.HostMount(place(mount), mount.target, _access(mount))
            case TemporaryMount(target, size_bytes):
                yield ports.EmptyMount(target, size_bytes)
            case SecretMount() as secret:
                value = inputs.secrets.get(secret.id)
                if value is not None and secret.target:
                    mode, uid, gid = secret.mode, secret.uid, secret.gid
                    yield ports.FileMount(secret.target, value, mode, uid, gid)
            case SshMount() as ssh:
                socket = inputs.ssh.get(ssh.id)
                if socket is not None:
                    yield ports.SocketMount(socket, ssh.target, ssh.mode, ssh.uid, ssh.gid)
            case _:
                assert_never(mount)
    if action.script is not None:
        yield ports.FileMount(f"/dev/pipes/{action.script.name}", action.script.data, _SCRIPT_MODE)


def _depth(mount: ports.Mount) -> int:
    return mount.target.rstrip("/").count("/")


def _access(mount: BindMount | CacheMount) -> ports.Access:
    if isinstance(mount, CacheMount):
        return ports.Access.READ_ONLY if mount.read_only else ports.Access.KEPT
    return ports.Access.DROPPED if mount.writable else ports.Access.READ_ONLY


def _variables(action: RunAction, inputs: Inputs) -> Iterator[tuple[str, str]]:
    agents = [mount for mount in action.mounts if isinstance(mount, SshMount)]
    # As BuildKit: the first one's socket, there or not, where the image says nothing.
    if agents and not any(name == AGENT_VARIABLE for name, _ in action.env):
        yield AGENT_VARIABLE, agents[0].target
    for mount in action.mounts:
        if isinstance(mount, SecretMount) and mount.env:
            # As BuildKit: of a secret that was not given the variable is there, and empty.
            yield mount.env, os.fsdecode(inputs.secrets.get(mount.id, b""))
