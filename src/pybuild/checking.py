"""Checks as warnings of a build: what is known of it becomes what the rules need."""

from __future__ import annotations

from collections.abc import Mapping

from pybuild.checks.check import KnownBase, Surroundings, check
from pybuild.checks.config import BUILD_ARG, CheckConfig, config_of, failing
from pybuild.checks.instructions import IsIgnored
from pybuild.checks.rules import RULES, Violation
from pybuild.dockerfile.ignore import IgnorePatterns
from pybuild.dockerfile.instructions import Dockerfile
from pybuild.events import BuildWarning, Emit
from pybuild.graph.links import ImageUse
from pybuild.ports import ResolvedImage
from pybuild.request import BuildRequest
from pybuild.resolving import FoundStages


def warn_of_violations(
    dockerfile: Dockerfile,
    request: BuildRequest,
    stages: FoundStages,
    ignore: str | None,
    emit: Emit,
) -> None:
    """Tell of every violation.

    Args:
        dockerfile: What is built.
        request: Its build arguments may say which rules count.
        stages: The stages that are needed, and their images.
        ignore: The text of the .dockerignore file, or None.
        emit: Gets the warnings.

    Raises:
        DockerfileError: There are some, and ``# check=error=true`` holds.
    """
    found = violations(dockerfile, request, stages, ignore)
    for one in found:
        line = one.location.first_line
        emit(BuildWarning(one.rule.name, one.detail, dockerfile.file, line))
    if found and _config(dockerfile, request).error:
        raise failing(found, dockerfile)


def is_wanted(warning: BuildWarning, dockerfile: Dockerfile, request: BuildRequest) -> bool:
    """Whether a warning counts: one of a rule of ours may be left out like docker's."""
    rule = RULES.get(warning.code)
    return rule is None or _config(dockerfile, request).wants(rule)


def violations(
    dockerfile: Dockerfile, request: BuildRequest, stages: FoundStages, ignore: str | None
) -> tuple[Violation, ...]:
    """What the checks find; little is said of stages whose images are not among the resolved."""
    known = {
        link.stage.index: _known(stages.resolved.get(link.base.key))
        for link in stages.links
        if isinstance(link.base, ImageUse)
    }
    planned = {link.stage.index for link in stages.links}
    bases: Mapping[int, KnownBase | None] = {
        stage.index: known.get(stage.index)
        for stage in dockerfile.stages
        if stage.index in known or stage.index not in planned
    }
    around = Surroundings(request.platform, stages.scope, bases, _ignored(ignore))
    return check(dockerfile, _config(dockerfile, request), around)


def _config(dockerfile: Dockerfile, request: BuildRequest) -> CheckConfig:
    return config_of(dockerfile, dict(request.build_args).get(BUILD_ARG, ""))


def _known(image: ResolvedImage | None) -> KnownBase | None:
    if image is None:
        return None
    run = image.config.run
    return KnownBase(image.config.platform, dict(run.env), has_shell=bool(run.shell))


def _ignored(text: str | None) -> IsIgnored | None:
    """What .dockerignore leaves out; nothing is said where it has exceptions, as in BuildKit."""
    lines = (text or "").splitlines()
    if not text or any(line.strip().startswith("!") for line in lines):
        return None
    patterns = IgnorePatterns.parse(text)
    return lambda path: patterns.excludes(path.encode(errors="surrogateescape"))
