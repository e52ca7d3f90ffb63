"""The mounts of a RUN: options → where in the tree, from which source, as whom."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from pybuild.dockerfile.instructions import Run
from pybuild.dockerfile.mounts import MountOptions, read_mount
from pybuild.dockerfile.source import Problem
from pybuild.graph.links import SCRATCH
from pybuild.graph.plan import (
    BindMount,
    CacheMount,
    FromContext,
    Mount,
    SecretMount,
    SshMount,
    TemporaryMount,
)
from pybuild.graph.reading import Reading
from pybuild.imagepath import ROOT, ImagePath

_NAMESPACE_ARG = "BUILDKIT_CACHE_MOUNT_NS"
_SECRETS = "/run/secrets/"  # dockerfile2llb dispatchSecret
_AGENTS = "/run/buildkit/ssh_agent."  # client/llb/exec.go

# The kernel's own trees, which no RUN can do without. Names below /dev are free, itself it is not.
_KERNELS = (ImagePath(b"proc"), ImagePath(b"sys"))
_DEVICES = ImagePath(b"dev")


def read_mounts(reading: Reading, run: Run) -> tuple[Mount, ...]:
    """The mounts of a RUN, in order.

    Raises:
        DockerfileError: One is wrong, or its target belongs to the machine.
    """
    try:
        return tuple(_mounts(reading, run))
    except Problem as problem:
        raise reading.problem(run, problem.message, problem.hint) from None


def _mounts(reading: Reading, run: Run) -> Iterator[Mount]:
    agents = 0
    for text in run.mounts:
        options = read_mount(text, lambda value: reading.word(run, value))
        match options.type:
            case "cache":
                yield _cache(reading, options)
            case "tmpfs":
                yield _temporary(reading, options)
            case "secret":
                yield _secret(reading, options)
            case "ssh":
                yield _ssh(reading, options, agents)
                agents += 1
            case _:
                yield _bind(reading, options)


def _bind(reading: Reading, options: MountOptions) -> BindMount:
    return BindMount(
        reading.sources[options.from_] if options.from_ else FromContext(),
        str(ImagePath.parse(options.source)),
        _target(reading, options.target),
        writable=options.read_only is False,
    )


def _cache(reading: Reading, options: MountOptions) -> CacheMount:
    # Its id is the target as written: a relative one is the same cache in every directory.
    name = options.id or _cleaned(options.target)
    namespace = reading.scope.given.get(_NAMESPACE_ARG, "")
    path = ImagePath.parse(options.source)
    from_image = bool(options.from_) and options.from_ != SCRATCH
    if path != ROOT and not from_image:
        raise Problem(
            f"a cache mount without from has no {path}",
            hint="leave out source, or say with from= whose directory a new cache begins with",
        )
    default = CacheMount("", "")
    return CacheMount(
        f"{namespace}/{name}" if namespace else name,
        _target(reading, options.target),
        options.sharing or default.sharing,
        reading.sources[options.from_] if from_image else None,
        str(path),
        default.mode if options.mode is None else options.mode,
        options.uid or 0,
        options.gid or 0,
        read_only=bool(options.read_only),
    )


def _temporary(reading: Reading, options: MountOptions) -> TemporaryMount:
    if options.read_only:
        raise Problem("a tmpfs that is read-only is not supported", hint="leave out readonly")
    return TemporaryMount(_target(reading, options.target), options.size_bytes or None)


def _secret(reading: Reading, options: MountOptions) -> SecretMount:
    name = options.source or options.id or posixpath.basename(options.target.rstrip("/"))
    target = options.target
    if not target and not options.env:
        file = posixpath.basename(name.rstrip("/"))
        if file in {"", ".", ".."}:
            raise Problem(
                f'the id "{name}" of a secret names no file', hint="give the mount a target"
            )
        target = _SECRETS + file
    default = SecretMount("")
    return SecretMount(
        name,
        _target(reading, target) if target else "",
        options.env,
        options.required,
        default.mode if options.mode is None else options.mode,
        options.uid or 0,
        options.gid or 0,
    )


def _ssh(reading: Reading, options: MountOptions, place: int) -> SshMount:
    default = SshMount("", "")
    return SshMount(
        options.id or "default",
        _target(reading, options.target or f"{_AGENTS}{place}"),
        options.required,
        default.mode if options.mode is None else options.mode,
        options.uid or 0,
        options.gid or 0,
    )


def _target(reading: Reading, text: str) -> str:
    """Where in the tree; relative to the working directory, which an empty one is itself."""
    target = ImagePath.parse(reading.state.workdir).join(text)
    if target == ROOT:
        raise Problem('invalid mount target "/"', hint="give the mount a target of its own")
    if target == _DEVICES or any(target.is_below(kernels) for kernels in _KERNELS):
        raise Problem(
            f'invalid mount target "{target}": the RUN needs what the kernel has there',
            hint="mount it elsewhere",
        )
    return str(target)


def _cleaned(path: str) -> str:
    """Go's ``path.Clean``: without ``.``, ``..`` where it can, and doubled slashes."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned  # POSIX keeps two, Go does not
