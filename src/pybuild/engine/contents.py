"""What steps read from outside the plan, as one digest a step, for its key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from pybuild.dockerfile.remote_address import shown
from pybuild.engine.context import SourceFiles
from pybuild.engine.copy import copied_digest
from pybuild.engine.subtree import find
from pybuild.engine.tools import Inputs, Tools
from pybuild.errors import PybuildError
from pybuild.graph.encoding import Value, key_of
from pybuild.graph.keys import ContextKey, reads_outside
from pybuild.graph.plan import (
    BindMount,
    CacheMount,
    CopyAction,
    Files,
    FromContext,
    Inline,
    Plan,
    RunAction,
    Step,
)
from pybuild.ports import RemoteSource

_REQUESTS = 8  # remote sources asked for at once


def contents(
    plan: Plan, contexts: Mapping[str, SourceFiles], inputs: Inputs, tools: Tools
) -> dict[ContextKey, bytes]:
    """A digest for every step that reads a context or a remote source, and for no other.

    Args:
        plan: The steps.
        contexts: Every context that a step reads, by name.
        inputs: The Dockerfile, for errors.
        tools: Asks remote sources, several at once, each once.

    Raises:
        DockerfileError: Something is not there.
        ContextError: A remote source cannot be had, or a file cannot be read.
    """
    steps = [
        ((stage.index, place), step)
        for stage in plan.stages
        for place, step in enumerate(stage.steps)
        if reads_outside(step.action)
    ]
    remotes = _identify([step for _, step in steps], inputs, tools)
    reader = _Reader(contexts, remotes, inputs)
    return {key: key_of("contents 1", list(reader.read(step))).encode() for key, step in steps}


@dataclass(frozen=True, slots=True)
class _Reader:
    contexts: Mapping[str, SourceFiles]
    remotes: Mapping[RemoteSource, bytes]
    inputs: Inputs

    def read(self, step: Step) -> Iterator[Value]:
        """What a step reads, in order."""
        with _blamed_on(step, self.inputs):
            match step.action:
                case RunAction(mounts=mounts):
                    for mount in mounts:
                        if isinstance(mount, BindMount | CacheMount):
                            yield from self._mounted(mount)
                case CopyAction() as copy:
                    for part in copy.parts:
                        yield from self._part(copy, part)
                case _:
                    pass

    def _mounted(self, mount: BindMount | CacheMount) -> Iterator[Value]:
        if isinstance(mount.source, FromContext):
            files = self.contexts[mount.source.name]
            yield find(files, mount.path, is_context=True).digest()

    def _part(self, copy: CopyAction, part: Files | Inline | RemoteSource) -> Iterator[Value]:
        match part:
            case RemoteSource() as remote:
                yield self.remotes[remote]
            case Files(source=FromContext(name)):
                yield copied_digest(copy, part, self.contexts[name])
            case _:
                pass


def _identify(steps: list[Step], inputs: Inputs, tools: Tools) -> Mapping[RemoteSource, bytes]:
    asked: dict[RemoteSource, Step] = {}
    for step in steps:
        if isinstance(step.action, CopyAction):
            for part in step.action.parts:
                if isinstance(part, RemoteSource):
                    asked.setdefault(part, step)
    if not asked:
        return {}
    remotes = tools.remotes
    if remotes is None:
        raise AssertionError("a build with remote sources can fetch them")

    def identify(remote: RemoteSource) -> bytes:
        title = f"[internal] load {shown(remote.url)}"
        with _blamed_on(asked[remote], inputs), tools.progress.vertex(title):
            return remotes.identify(remote)

    with ThreadPoolExecutor(min(len(asked), _REQUESTS), thread_name_prefix="remote") as pool:
        return dict(zip(asked, pool.map(identify, asked), strict=True))


@contextmanager
def _blamed_on(step: Step, inputs: Inputs) -> Iterator[None]:
    """Errors of the block show the step's lines."""
    try:
        yield
    except PybuildError as error:
        error.excerpt = error.excerpt or inputs.dockerfile.excerpt(step.location)
        raise
