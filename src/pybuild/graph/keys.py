"""What is in a step's key, and what is left out, each with its reason.

In every key: the schema, the platform (through the base), the key of the step before, and the kind
of the step. A stage begins with its base: the manifest digest of an image, the last key of a
stage, or scratch with the platform.

Left out:

- ENV, LABEL, CMD, USER and the like as such: they make no layer. What of them a RUN can see (its
  environment, user, working directory, shell) is in that RUN's key.
- owners and times of context files: they become 0:0, and a checkout changes every time.
- proxy variables: they say how to reach the network, not what to build (as BuildKit does).
- ``SOURCE_DATE_EPOCH``, unless ``--rewrite-timestamp`` clamps every layer's times to it: CI sets
  it from the commit, and a key that changes with every commit is no key.
- secrets: only ever by id.
- the step's line, comments and spelling: only what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from pybuild.digest import Digest
from pybuild.graph.encoding import Value, key_of
from pybuild.graph.plan import (
    Base,
    CopyAction,
    FromContext,
    FromStage,
    ImageBase,
    Plan,
    RunAction,
    ScratchBase,
    StageBase,
    Step,
    WorkdirAction,
)
from pybuild.oci.platform import Platform

SCHEMA = "pybuild step 2"
"""Changes whenever a key's meaning or a layer's bytes change."""

ContextKey = tuple[int, int]
"""A step by stage index and place in the stage."""


def stage_keys(
    plan: Plan,
    platform: Platform,
    context_digests: Mapping[ContextKey, bytes],
    *,
    rewrite_to: int | None = None,
) -> tuple[tuple[Digest, ...], ...]:
    """The definition key of every step of every stage, before anything has run.

    Args:
        plan: What to build.
        platform: What it is built for.
        context_digests: For each step that copies from the context, a digest of what it copies.
        rewrite_to: The epoch that the layers' times are clamped to, or None.
    """
    keys: list[tuple[Digest, ...]] = []
    last: list[Digest] = []
    for stage in plan.stages:
        key = base_key(stage.base, platform, last)
        own: list[Digest] = []
        for place, step in enumerate(stage.steps):
            content = context_digests.get((stage.index, place))
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
    """The key of one step; content is the digest of the context files that it copies."""
    match step.action:
        case RunAction(argv, env, _, user, workdir):
            parts: tuple[Value, ...] = ("run", argv, env, user, workdir)
        case CopyAction() as copy:
            parts = ("copy", _source_key(copy, last, content), *_placing(copy))
        case WorkdirAction(path, user):
            parts = ("workdir", path, user)
        case _:
            assert_never(step.action)
    return key_of(SCHEMA, parent, rewrite_to, *parts)


def _placing(copy: CopyAction) -> tuple[Value, ...]:
    return (copy.sources, copy.destination, copy.workdir, copy.chown, copy.chmod, copy.add)


def _source_key(copy: CopyAction, last: Sequence[Digest], content: bytes | None) -> Value:
    match copy.source:
        case FromContext():
            if content is None:
                raise ValueError("a copy from the context has no content digest")
            return content
        case FromStage(index):
            return last[index]
        case _:
            assert_never(copy.source)
