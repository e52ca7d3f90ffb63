"""Rules of FROM: stage names, platforms, and the arguments in base names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pybuild.checks.nearest import nearest
from pybuild.checks.rules import RULES, Violation
from pybuild.dockerfile.expand import ExpansionError, expand, used
from pybuild.dockerfile.instructions import Dockerfile, From
from pybuild.errors import UsageError
from pybuild.graph.scope import Scope
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference

_RESERVED = frozenset({"scratch", "context"})
_TARGET_PLATFORM = frozenset({"$TARGETPLATFORM", "${TARGETPLATFORM}"})


def stage_rules(
    dockerfile: Dockerfile,
    scope: Scope,
    found: Mapping[int, Platform],
    target: Platform,
) -> Iterator[Violation]:
    """Violations in FROM lines.

    Args:
        dockerfile: What is checked.
        scope: The values of ARGs.
        found: For stages whose base image is known, by index, its platform.
        target: The platform that is built for.
    """
    names: set[str] = set()
    declared = {name for arg in dockerfile.global_args for name, _ in arg.pairs}
    defaults = _defaults(dockerfile, scope.platform_args)
    for stage in dockerfile.stages:
        source = stage.source
        if source.name in names:
            detail = f'Duplicate stage name "{source.name}", stage names should be unique'
            yield Violation(RULES["DuplicateStageName"], detail, source.location)
        if source.name in _RESERVED:
            detail = f'Stage name should not use the same name as reserved stage "{source.name}"'
            yield Violation(RULES["ReservedStageName"], detail, source.location)
        yield from _undefined(source, dockerfile.escape, declared | scope.platform_args.keys())
        yield from _defaults_in_base(source, dockerfile.escape, defaults, names)
        yield from _platform(source)
        if source.name:
            names.add(source.name)
        base = found.get(stage.index)
        if base is not None and not source.platform and base != target:
            detail = (
                f'Base image {source.base} was pulled with platform "{base}", '
                f'expected "{target}" for current build'
            )
            yield Violation(RULES["InvalidBaseImagePlatform"], detail, source.location)


def _undefined(source: From, escape: str, declared: set[str]) -> Iterator[Violation]:
    for word in (source.base, source.platform):
        for name in sorted(used(word, escape=escape) - declared):
            meant = nearest(name, sorted(declared))
            guess = f" (did you mean {meant}?)" if meant else ""
            detail = f"FROM argument '{name}' is not declared{guess}"
            yield Violation(RULES["UndefinedArgInFrom"], detail, source.location)


def _defaults(dockerfile: Dockerfile, platform_args: Mapping[str, str]) -> dict[str, str]:
    """What FROM sees where no build argument is given."""
    values = dict(platform_args)
    for arg in dockerfile.global_args:
        for name, default in arg.pairs:
            try:
                values[name] = expand(default or "", values, escape=dockerfile.escape)
            except ExpansionError:
                values[name] = ""
    return values


def _defaults_in_base(
    source: From, escape: str, defaults: Mapping[str, str], stages: set[str]
) -> Iterator[Violation]:
    if not used(source.base, escape=escape):
        return
    try:
        base = expand(source.base, defaults, escape=escape)
    except ExpansionError:
        base = ""
    if base.lower() in stages or _is_reference(base):
        return
    detail = f"Default value for ARG {source.base} results in empty or invalid base image name"
    yield Violation(RULES["InvalidDefaultArgInFrom"], detail, source.location)


def _is_reference(text: str) -> bool:
    try:
        Reference.parse(text)
    except UsageError:
        return False
    return True


def _platform(source: From) -> Iterator[Violation]:
    if source.platform in _TARGET_PLATFORM:
        detail = (
            f"Setting platform to predefined {source.platform} in FROM is redundant as this is "
            "the default behavior"
        )
        yield Violation(RULES["RedundantTargetPlatform"], detail, source.location)
    elif source.platform and "$" not in source.platform:
        detail = f'FROM --platform flag should not use constant value "{source.platform}"'
        yield Violation(RULES["FromPlatformFlagConstDisallowed"], detail, source.location)
