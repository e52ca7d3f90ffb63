"""Which stages the target needs, and which images they start from or copy from."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from pybuild.dockerfile.instructions import Copy, Dockerfile, Stage
from pybuild.dockerfile.location import Location
from pybuild.errors import DockerfileError, UsageError
from pybuild.graph.scope import Scope, expanded, missing, problem
from pybuild.oci.reference import Reference

SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class ImageUse:
    """An image that the build needs, and the line that asks for it."""

    reference: Reference
    location: Location


@dataclass(frozen=True, slots=True)
class Links:
    """What a stage is tied to: stages by index, images by reference.

    Attributes:
        base: A stage's index, an image, or None for scratch.
        copies: For each COPY ``--from`` as written: a stage's index or an image.
    """

    stage: Stage
    base: int | Reference | None
    copies: tuple[tuple[str, int | Reference], ...]

    def copied(self, name: str) -> int | Reference:
        """What a ``--from`` value of this stage means."""
        return dict(self.copies)[name]


def target_stage(dockerfile: Dockerfile, target: str) -> Stage:
    """The stage by name or index; the last one where target is empty."""
    if not target:
        return dockerfile.stages[-1]
    found = _find(dockerfile.stages, target)
    if found is None:
        names = [stage.source.name for stage in dockerfile.stages if stage.source.name]
        near = difflib.get_close_matches(target.lower(), names, 1)
        guess = f" (did you mean {near[0]}?)" if near else ""
        raise DockerfileError(f'target stage "{target}" could not be found{guess}')
    return found


def reachable(dockerfile: Dockerfile, scope: Scope, target: Stage) -> tuple[Links, ...]:
    """The target and every stage it is made of, in the Dockerfile's order."""
    links: dict[int, Links] = {}
    waiting = [target]
    while waiting:
        stage = waiting.pop()
        if stage.index in links:
            continue
        links[stage.index] = _link(dockerfile, scope, stage)
        waiting += [dockerfile.stages[index] for index in _stage_indexes(links[stage.index])]
    return tuple(links[index] for index in sorted(links))


def images(links: tuple[Links, ...]) -> tuple[ImageUse, ...]:
    """Every image once, with the first line that asks for it."""
    found: dict[Reference, ImageUse] = {}
    for link in links:
        if isinstance(link.base, Reference):
            found.setdefault(link.base, ImageUse(link.base, link.stage.source.location))
        for copy in _copies(link.stage):
            source = link.copied(copy.from_)
            if isinstance(source, Reference):
                found.setdefault(source, ImageUse(source, copy.location))
    return tuple(found.values())


def _stage_indexes(links: Links) -> Iterator[int]:
    if isinstance(links.base, int):
        yield links.base
    for _, source in links.copies:
        if isinstance(source, int):
            yield source


def _link(dockerfile: Dockerfile, scope: Scope, stage: Stage) -> Links:
    copies = {copy.from_: _copy_source(dockerfile, stage, copy) for copy in _copies(stage)}
    return Links(stage, _base(dockerfile, scope, stage), tuple(copies.items()))


def _copies(stage: Stage) -> list[Copy]:
    return [i for i in stage.instructions if isinstance(i, Copy) and i.from_]


def _base(dockerfile: Dockerfile, scope: Scope, stage: Stage) -> int | Reference | None:
    source = stage.source
    platform = expanded(dockerfile, source.location, source.platform, scope.for_from)
    if platform and platform != scope.platform_args["TARGETPLATFORM"]:
        raise missing(dockerfile, source.location, f"FROM --platform={platform}")
    base = expanded(dockerfile, source.location, source.base, scope.for_from)
    if not base:
        message = f"base name ({source.base}) should not be blank"
        raise problem(
            dockerfile,
            source.location,
            message,
            hint="give its ARG a default before the first FROM, or pass --build-arg",
        )
    if base == SCRATCH:
        return None
    earlier = _find_named(dockerfile.stages[: stage.index], base)
    if earlier is not None:
        return earlier.index
    return _reference(dockerfile, source.location, base)


def _copy_source(dockerfile: Dockerfile, stage: Stage, copy: Copy) -> int | Reference:
    name = copy.from_
    if "$" in name:
        message = f"variable expansion is not supported for --from, found {name!r}"
        hint = "define a new stage with FROM and that variable, and copy from the stage"
        raise problem(dockerfile, copy.location, message, hint)
    found = _find(dockerfile.stages, name)
    if found is None:
        return _reference(dockerfile, copy.location, name)
    if found.index >= stage.index:
        message = (
            f'cannot copy from stage "{name}", it needs to be defined before current stage '
            f'"{stage.source.name or stage.index}"'
        )
        raise problem(dockerfile, copy.location, message)
    return found.index


def _find(stages: tuple[Stage, ...], name: str) -> Stage | None:
    named = _find_named(stages, name)
    if named is None and name.isdecimal() and int(name) < len(stages):
        return stages[int(name)]
    return named


def _find_named(stages: tuple[Stage, ...], name: str) -> Stage | None:
    matches = [stage for stage in stages if stage.source.name == name.lower()]
    return matches[-1] if name and matches else None


def _reference(dockerfile: Dockerfile, location: Location, text: str) -> Reference:
    try:
        return Reference.parse(text)
    except UsageError as error:
        raise problem(dockerfile, location, error.message) from None
