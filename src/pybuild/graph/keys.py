"""What is in a step's key, and what is left out, each with its reason.

In every key: the schema, the platform (through the base), the key of the step before, and the kind
of the step. A stage begins with its base: the manifest digest of an image, the last key of a
stage, or scratch with the platform. Here-documents are in with their names and bytes, mounts with
the keys of the stages they show.

Left out:

- ENV, LABEL, CMD, USER and the like as such: they make no layer. What of them a RUN can see (its
  environment, user, working directory, shell) is in that RUN's key.
- owners and times of context files: they become 0:0, and a checkout changes every time.
- proxy variables: they say how to reach the network, not what to build (as BuildKit does).
- ``SOURCE_DATE_EPOCH``, unless ``--rewrite-timestamp`` clamps every layer's times to it: CI sets
  it from the commit, and a key that changes with every commit is no key.
- secrets: only ever by id; ssh agents, too.
- what a cache mount holds, its id, and how it is shared: a cache may make a step faster, not
  different. Where it is, as whom, and what it begins with is in the key.
- whether a secret or an agent is required: that decides if there is a step, not what it makes.
- the checksum of a remote source: its bytes are in the key, whatever was asked to check them.
- lines that ``--add-host`` puts into ``/etc/hosts``, limits and sizes: the machine's.
- the step's line, comments and spelling: only what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from pybuild.digest import Digest
from pybuild.graph.encoding import Value, encode_pairs, key_of
from pybuild.graph.plan import (
    Action,
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
    Step,
    TemporaryMount,
    WorkdirAction,
    sources_of,
)
from pybuild.oci.platform import Platform
from pybuild.ports import RemoteSource

SCHEMA = "pybuild step 3"
"""Changes whenever a key's meaning or a layer's bytes change."""

ContextKey = tuple[int, int]
"""A step by stage index and place in the stage."""


def stage_keys(
    plan: Plan,
    contents: Mapping[ContextKey, bytes],
    *,
    rewrite_to: int | None = None,
) -> tuple[tuple[Digest, ...], ...]:
    """The definition key of every step of every stage, before anything has run.

    Args:
        plan: What to build.
        contents: For each step that reads a context or a remote source, a digest of what it reads.
        rewrite_to: The epoch that the layers' times are clamped to, or None.
    """
    keys: list[tuple[Digest, ...]] = []
    last: list[Digest] = []
    for stage in plan.stages:
        key = base_key(stage.base, stage.platform, last)
        own: list[Digest] = []
        for place, step in enumerate(stage.steps):
            content = contents.get((stage.index, place))
            key = step_key(key, step, last, content, rewrite_to)
            own.append(key)
        keys.append(tuple(own))
        last.append(key)
    return tuple(keys)


def base_key(base: Base, platform: Platform, last: Sequence[Digest]) -> Digest:
    """What a stage starts from; last holds the last key of every earlier stage."""
    match base:
        case ScratchBase():
            return key_of(SCHEMA, "scratch", str(platform))
        case ImageBase(image):
            if not image.config.diff_ids:
                return base_key(ScratchBase(), platform, last)  # as in BuildKit
            return key_of(SCHEMA, "image", str(platform), image.digest)
        case StageBase(index):
            return last[index]
        case _:
            assert_never(base)


def step_key(
    parent: Digest,
    step: Step,
    last: Sequence[Digest],
    content: bytes | None,
    rewrite_to: int | None,
) -> Digest:
    """The key of one step; content is the digest of all that it reads from outside the plan."""
    match step.action:
        case RunAction() as run:
            parts = _running(run, last)
        case CopyAction() as copy:
            parts = ("copy", [_part(part, last) for part in copy.parts], *_placing(copy))
        case WorkdirAction(path, user):
            parts = ("workdir", path, user)
        case _:
            assert_never(step.action)
    if content is None and reads_outside(step.action):
        raise ValueError("a step that reads a context has no digest of it")
    return key_of(SCHEMA, parent, rewrite_to, content or b"", *parts)


def reads_outside(action: Action) -> bool:
    """Whether an action reads a context or a remote source, so that its key needs their digest."""
    if isinstance(action, CopyAction) and any(isinstance(p, RemoteSource) for p in action.parts):
        return True
    return any(isinstance(source, FromContext) for source in sources_of(action))


def _running(run: RunAction, last: Sequence[Digest]) -> tuple[Value, ...]:
    script = () if run.script is None else (run.script.name, run.script.data)
    mounts = [_mount(mount, last) for mount in run.mounts]
    env = encode_pairs(run.env)
    return ("run", run.argv, env, run.user, run.workdir, mounts, run.network, script)


def _mount(mount: Mount, last: Sequence[Digest]) -> Value:
    match mount:
        case BindMount(source, path, target, writable):
            return ("bind", _source(source, last), path, target, writable)
        case CacheMount() as one:
            begins = () if one.source is None else (_source(one.source, last), one.path)
            return ("cache", one.target, begins, one.mode, one.uid, one.gid, one.read_only)
        case TemporaryMount(target, size_bytes):
            return ("tmpfs", target, size_bytes)
        case SecretMount() as one:
            # Whether there is a value changes what the command sees, but not what it should make.
            return ("secret", one.id, one.target, one.env, one.mode, one.uid, one.gid)
        case SshMount() as one:
            return ("ssh", one.id, one.target, one.mode, one.uid, one.gid)
        case _:
            assert_never(mount)


def _part(part: Part, last: Sequence[Digest]) -> Value:
    match part:
        case Files(source, paths):
            return ("files", _source(source, last), paths)
        case Inline(name, data):
            return ("inline", name, data)
        case RemoteSource(url, _, keep_git_dir):
            return ("remote", url, keep_git_dir)  # its bytes stand in the content's digest
        case _:
            assert_never(part)


def _placing(copy: CopyAction) -> tuple[Value, ...]:
    return (
        copy.destination,
        copy.workdir,
        copy.chown,
        copy.chmod,
        copy.add,
        copy.link,
        copy.parents,
        copy.exclude,
        copy.unpack,
    )


def _source(source: Source, last: Sequence[Digest]) -> Value:
    match source:
        case FromContext(name):
            return ("context", name)  # its bytes stand in the content's digest
        case FromStage(index):
            return ("stage", last[index])
        case _:
            assert_never(source)
