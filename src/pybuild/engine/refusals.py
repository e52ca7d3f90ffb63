"""Refuse before anything runs what would else fail in the middle of the build."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import assert_never

from pybuild.engine.job import Job
from pybuild.engine.mounts import mounts_of
from pybuild.engine.tools import Inputs
from pybuild.errors import DockerfileError, HostUnsupported, PybuildError, UsageError
from pybuild.graph.plan import (
    Action,
    CopyAction,
    RunAction,
    SecretMount,
    SshMount,
    StagePlan,
    Step,
    WorkdirAction,
)
from pybuild.imagepath import ImagePath
from pybuild.oci.platform import Platform
from pybuild.ports import Process, Rootfs

_SOMEWHERE = Path("/")  # of sources, which need not be there yet


def refuse(job: Job, host: Platform) -> None:
    """Find out of every step that will run whether it can.

    Args:
        job: What is to be done.
        host: The platform whose programs run here.

    Raises:
        HostUnsupported: This place cannot run a step.
        UsageError: A secret or an agent that a RUN requires was not given.
    """
    for stage, one in zip(job.plan.stages, job.cuts, strict=True):
        steps = stage.steps[one.reused :] if one.needed else ()
        runs = any(isinstance(step.action, RunAction) for step in steps)
        for step in steps:
            try:
                if runs:
                    _check_places(step.action, job.tools.rootfs)
                if isinstance(step.action, RunAction):
                    _check_run(step, step.action, stage, job, host)
            except PybuildError as error:
                error.excerpt = error.excerpt or job.excerpt(step)
                raise


def outline(action: RunAction, inputs: Inputs) -> Process:
    """A RUN as far as it is known before anything has run."""
    mounts = tuple(mounts_of(action, inputs, lambda _mount: _SOMEWHERE))
    return Process(
        action.argv,
        action.env,
        action.workdir,
        mounts=mounts,
        network=action.network,
        sandbox=inputs.sandbox,
    )


def _check_run(step: Step, action: RunAction, stage: StagePlan, job: Job, host: Platform) -> None:
    if stage.platform != host:
        raise HostUnsupported(
            f"a RUN for {stage.platform} cannot run on this {host} machine, and emulation is not"
            " used",
            hint="build on a machine of that platform, leave out --platform, or begin the stage"
            " with FROM --platform=$BUILDPLATFORM",
        )
    _check_given(action, job.inputs)
    why = job.tools.rootfs.refusal(outline(action, job.inputs))
    if why:
        raise HostUnsupported(
            f"{step.title} cannot run here: {why}", hint="pybuild doctor tells what works here"
        )


def _check_given(action: RunAction, inputs: Inputs) -> None:
    for mount in action.mounts:
        match mount:
            case SecretMount(id=name, required=True) if name not in inputs.secrets:
                raise UsageError(
                    f"secret {name}: not found", hint=f"give it: --secret id={name},src=FILE"
                )
            case SecretMount(id=name, env=variable) if variable:
                _check_variable(name, variable, inputs.secrets.get(name, b""))
            case SshMount(id=name, required=True) if name not in inputs.ssh:
                raise UsageError(
                    f"ssh agent {name}: not found", hint=f"give its socket: --ssh {name}=SOCKET"
                )
            case _:
                pass


def _check_variable(name: str, variable: str, value: bytes) -> None:
    if b"\0" in value:
        raise DockerfileError(
            f"secret {name} holds a NUL byte, so {variable} cannot have its value",
            hint="mount it as a file: leave out env=",
        )


def _check_places(action: Action, rootfs: Rootfs) -> None:
    """Refuse a step at whose place a RUN of the same stage would find a mount of this machine."""
    for path in _places(action):
        mount = rootfs.blocked(path)
        if mount:
            raise HostUnsupported(
                f"{path} cannot be the stage's own: {mount} belongs to this container",
                hint="mount it elsewhere, or build where overlay works (pybuild doctor)",
            )


def _places(action: Action) -> Iterator[ImagePath]:
    """Where a step is at work in the tree."""
    match action:
        case RunAction(workdir=workdir, mounts=mounts):
            yield ImagePath.parse(workdir)
            for mount in mounts:
                if mount.target:
                    yield ImagePath.parse(mount.target)
        case WorkdirAction(path=path):
            yield ImagePath.parse(path)
        case CopyAction(destination=destination, workdir=workdir):
            yield ImagePath.parse(workdir).join(destination)
        case _:
            assert_never(action)
