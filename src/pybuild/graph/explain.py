"""What a step's key is made of, for people: the same parts as in ``keys``, as texts by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import assert_never

from pybuild.digest import Digest, hex_of
from pybuild.dockerfile.remote_address import shown
from pybuild.graph.keys import SCHEMA, ContextKey
from pybuild.graph.plan import (
    Base,
    BindMount,
    CacheMount,
    CopyAction,
    Files,
    FromContext,
    FromStage,
    ImageBase,
    Inline,
    Mount,
    Part,
    Plan,
    RunAction,
    ScratchBase,
    SecretMount,
    Source,
    SshMount,
    StageBase,
    StagePlan,
    Step,
    TemporaryMount,
    WorkdirAction,
)
from pybuild.ports import RemoteSource

Parts = Mapping[str, str]

_SHOWN = 12  # hexadecimal digits of a key
_CONTENT = 16


def explain(
    plan: Plan,
    keys: Sequence[Sequence[Digest]],
    contents: Mapping[ContextKey, bytes],
    where: ContextKey,
    *,
    rewrite_to: int | None = None,
) -> Parts:
    """The parts of one step's key.

    Args:
        plan: The stages.
        keys: As ``stage_keys`` gives them.
        contents: What it was given.
        where: The step.
        rewrite_to: What it was given.
    """
    index, place = where
    stage = plan.stages[index]
    content = contents.get(where)
    return {
        "schema": SCHEMA,
        "after": _before(stage, keys[index], place, plan),
        **dict(_action(stage.steps[place], plan.stages)),
        **({} if content is None else {"bytes": content.decode()[-_CONTENT:]}),
        **({} if rewrite_to is None else {"times clamped to": str(rewrite_to)}),
    }


def _before(stage: StagePlan, keys: Sequence[Digest], place: int, plan: Plan) -> str:
    if place == 0:
        return f"FROM {_base(stage.base, plan)} ({stage.platform})"
    return f"{hex_of(keys[place - 1])[:_SHOWN]} {stage.steps[place - 1].title}"


def _base(base: Base, plan: Plan) -> str:
    match base:
        case ScratchBase():
            return "scratch"
        case ImageBase(image):
            return f"{image.reference}"
        case StageBase(index):
            return f"stage {plan.stages[index].name}"
        case _:
            assert_never(base)


def _action(step: Step, stages: Sequence[StagePlan]) -> Iterator[tuple[str, str]]:
    match step.action:
        case RunAction() as run:
            yield "run", " ".join(run.argv)
            yield "directory", run.workdir
            yield "user", run.user or "root"
            yield from ((f"variable {name}", value) for name, value in run.env)
            yield from ((f"mount {m.target}", _mount(m, stages)) for m in run.mounts)
            yield "network", run.network
            if run.script is not None:
                yield "script", run.script.data.decode(errors="replace")
        case CopyAction() as copy:
            name = "add" if copy.add else "copy"
            yield name, " ".join(_part(part, stages) for part in copy.parts)
            yield "to", f"{copy.destination} in {copy.workdir}"
            yield from ((flag, text) for flag, text in _flags(copy) if text)
        case WorkdirAction(path, user):
            yield "workdir", path
            yield "user", user or "root"
        case _:
            assert_never(step.action)


def _flags(copy: CopyAction) -> Iterator[tuple[str, str]]:
    yield "chown", copy.chown
    yield "chmod", copy.chmod
    yield "link", "yes" if copy.link else ""
    yield "parents", "yes" if copy.parents else ""
    yield "exclude", " ".join(copy.exclude)
    yield "unpack", "" if copy.unpack is None else str(copy.unpack).lower()


def _part(part: Part, stages: Sequence[StagePlan]) -> str:
    match part:
        case Files(source, paths):
            return f"{' '.join(paths)} of {_source(source, stages)}"
        case Inline(name, data):
            return f"<<{name} ({len(data)} bytes)"
        case RemoteSource(url):
            return shown(url)
        case _:
            assert_never(part)


def _mount(mount: Mount, stages: Sequence[StagePlan]) -> str:
    match mount:
        case BindMount(source, path, _, writable):
            return f"{path} of {_source(source, stages)}{', writable' if writable else ''}"
        case CacheMount():
            begins = "" if mount.source is None else f" from {_source(mount.source, stages)}"
            return f"cache{begins}, {mount.mode:04o} {mount.uid}:{mount.gid}"
        case TemporaryMount(_, size_bytes):
            return f"tmpfs of {size_bytes} bytes" if size_bytes else "tmpfs"
        case SecretMount(id=name):
            return f"secret {name}"
        case SshMount(id=name):
            return f"agent {name}"
        case _:
            assert_never(mount)


def _source(source: Source, stages: Sequence[StagePlan]) -> str:
    match source:
        case FromContext(name):
            return f"context {name}".rstrip()
        case FromStage(index):
            return f"stage {stages[index].name}"
        case _:
            assert_never(source)
