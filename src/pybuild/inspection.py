"""Look at a Dockerfile without building it: checks, outline, targets."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pybuild.build_contexts import named_contexts
from pybuild.checking import violations
from pybuild.checks.rules import Violation
from pybuild.context.dockerignore import ignore_text
from pybuild.context.source import source_for
from pybuild.dockerfile.instructions import Dockerfile, Stage
from pybuild.engine.progress import Progress
from pybuild.errors import RegistryError
from pybuild.events import BuildWarning, Emit
from pybuild.graph.links import ImageKey, ImageUse, Links
from pybuild.graph.scope import Scope
from pybuild.graph.stages import images, reachable, target_stage
from pybuild.planning import load_dockerfile
from pybuild.ports import ResolvedImage
from pybuild.prepare import transport
from pybuild.registry.client import RegistryClient
from pybuild.request import BuildRequest
from pybuild.resolving import FoundStages, scope_of


@dataclass(frozen=True, slots=True)
class Inspected:
    """A Dockerfile that was looked at.

    Attributes:
        stages: Those that the target is made of, the target last.
        violations: What the checks found, in all stages.
    """

    dockerfile: Dockerfile
    scope: Scope
    stages: tuple[Stage, ...]
    violations: tuple[Violation, ...] = ()


def inspect(
    request: BuildRequest, emit: Emit, stdin: BinaryIO, *, checks: bool = True
) -> Inspected:
    """Read a Dockerfile from its context, and check it; nothing is run and nothing is pulled.

    Args:
        request: What would be built.
        emit: Gets events.
        stdin: For a context that is on standard input.
        checks: Whether the checks are made, which ask registries for the base images.

    Raises:
        PybuildError: The context cannot be had, or the Dockerfile is wrong.
    """
    progress = Progress(emit, time.monotonic)
    with tempfile.TemporaryDirectory(prefix="pybuild-") as folder:
        context = source_for(request, stdin, emit=emit).fetch(Path(folder))
        found, dockerfile = load_dockerfile(request, context, progress)
        ignore = ignore_text(context.directory, found.path)
    scope = scope_of(dockerfile, request)
    target = target_stage(dockerfile, request.target)
    contexts = named_contexts(request)
    of_target = reachable(dockerfile, scope, target, contexts)
    stages = (*(link.stage for link in of_target if link.stage is not target), target)
    if not checks:
        return Inspected(dockerfile, scope, stages)
    links: dict[int, Links] = {}
    for stage in dockerfile.stages:
        links |= {one.stage.index: one for one in reachable(dockerfile, scope, stage, contexts)}
    every = tuple(links[index] for index in sorted(links))
    resolved = _ask(
        images(every), RegistryClient(request.registries, transport(request), emit), emit
    )
    known = FoundStages(scope, every, resolved)
    return Inspected(dockerfile, scope, stages, violations(dockerfile, request, known, ignore))


def _ask(
    uses: Iterable[ImageUse], registry: RegistryClient, emit: Emit
) -> dict[ImageKey, ResolvedImage]:
    """The images that can be had; one that cannot is no reason to check nothing."""
    resolved: dict[ImageKey, ResolvedImage] = {}
    for use in uses:
        try:
            resolved[use.key] = registry.resolve(use.reference, use.platform)
        except RegistryError as error:
            emit(
                BuildWarning(
                    "BaseImageUnknown",
                    f"variables are not checked in stages on {use.reference}: {error.message}",
                )
            )
    return resolved
