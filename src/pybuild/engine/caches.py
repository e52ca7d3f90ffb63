"""The caches of a RUN: their names, what a new one begins with, and in which order they open."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pybuild.engine.job import Job
from pybuild.engine.live import give_up_if_stopping
from pybuild.engine.progress import Vertex
from pybuild.engine.sources import Sources
from pybuild.engine.subtree import copy_out
from pybuild.errors import DockerfileError
from pybuild.graph.keys import base_key
from pybuild.graph.plan import CacheMount, FromStage, StageBase
from pybuild.layers.apply import apply_items
from pybuild.tree.entry import NS_PER_S, Entry, Item, Kind

_STRICTNESS = ("shared", "private", "locked")
_DEFAULT = (0o755, 0, 0)  # mode, uid and gid of BuildKit's empty cache


def cache_name(mount: CacheMount, job: Job, sources: Sources) -> str:
    """What a cache is called; other names are other caches.

    As with BuildKit that is the id, and what a new one begins with: caches of one id that begin
    with other files, another mode or another owner have nothing in common.
    """
    parts = [mount.id]
    match mount.source:
        case None:
            pass
        case FromStage(index):
            parts += ["stage", _stage_key(job, index), mount.path]
        case source:
            found = sources.find(source, mount.path)
            parts += ["context", source.name, found.digest().decode(), mount.path]
    if _is_special(mount):
        parts.append(f"{mount.mode:04o} {mount.uid}:{mount.gid}")
    return json.dumps(parts)  # nothing that two lists have in common


@contextmanager
def opened(
    mounts: Iterable[CacheMount], job: Job, sources: Sources, vertex: Vertex
) -> Iterator[Mapping[CacheMount, Path]]:
    """The directories of a RUN's caches, for as long as the block lasts.

    Every RUN opens its caches in the order of their names, each once and as strictly as one of
    its mounts asks: so no two RUNs wait for each other.
    """
    wanted: dict[str, list[CacheMount]] = {}
    for mount in mounts:
        wanted.setdefault(cache_name(mount, job, sources), []).append(mount)
    caches = job.tools.cache_mounts
    with ExitStack() as held:
        found: dict[CacheMount, Path] = {}
        for name in sorted(wanted):
            if caches is None:
                raise AssertionError("a build whose RUNs have caches has a place for them")
            same = wanted[name]
            sharing = max((one.sharing for one in same), key=_STRICTNESS.index)
            fill = _filling(same[0], sources, job)
            directory = held.enter_context(
                caches.open(name, sharing, fill, _Waiting(same[0].id, vertex, job))
            )
            found |= dict.fromkeys(same, directory)
        give_up_if_stopping(job.tools)  # who had a cache may have been ended
        yield found


@dataclass(slots=True)
class _Waiting:
    """Says once that a RUN waits, and ends the wait of a build that has failed."""

    id: str
    vertex: Vertex
    job: Job
    is_told: bool = False

    def __call__(self) -> None:
        give_up_if_stopping(self.job.tools)
        if not self.is_told:
            self.vertex.line(f"waiting for the cache {self.id}, which another RUN has locked")
            self.is_told = True


def _filling(mount: CacheMount, sources: Sources, job: Job) -> Callable[[Path], None]:
    def fill(directory: Path) -> None:
        if mount.source is not None:
            found = sources.find(mount.source, mount.path)
            if not found.is_directory:
                raise DockerfileError(
                    f"the cache {mount.id} cannot begin with {mount.path}: it is not a directory"
                )
            copy_out(found, directory, job.tools)
        if mount.source is None or _is_special(mount):
            now_ns = job.inputs.times.now * NS_PER_S
            top = Entry(b"", Kind.DIRECTORY, mount.mode, mount.uid, mount.gid, now_ns)
            apply_items([Item(top)], directory, warn=lambda text: _warn(job, text))

    return fill


def _warn(job: Job, text: str) -> None:
    job.tools.progress.warn("CacheMount", text)


def _is_special(mount: CacheMount) -> bool:
    return (mount.mode, mount.uid, mount.gid) != _DEFAULT


def _stage_key(job: Job, index: int) -> str:
    """What a stage is: the key of its last step, else its base."""
    if job.keys[index]:
        return job.keys[index][-1]
    stage = job.plan.stages[index]
    if isinstance(stage.base, StageBase):
        return _stage_key(job, stage.base.index)
    return base_key(stage.base, stage.platform, ())
