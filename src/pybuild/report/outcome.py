"""The last lines of a log: what was made, or what went wrong."""

from __future__ import annotations

from pybuild.errors import PybuildError
from pybuild.report.size import seconds, size
from pybuild.request import BuildResult


def result_lines(result: BuildResult) -> tuple[str, ...]:
    """Digest, names, size, reuse and time; each line begins with a word to search for."""
    cached = sum(step.cached for step in result.steps)
    pushed = tuple(f"pushed: {tag.pinned(result.digest)}" for tag in result.pushed)
    return (
        f"digest: {result.digest}",
        *pushed,
        f"size: {size(result.size_bytes)} in {len(result.layers)} layers",
        f"cached: {cached}/{len(result.steps)} steps",
        f"time: {seconds(result.seconds)}",
    )


def kaniko_lines(result: BuildResult) -> tuple[str, ...]:
    """The lines that programs around Kaniko look for."""
    repositories = dict.fromkeys(tag.repository for tag in result.pushed)
    return tuple(f"Pushed {repository}@{result.digest}" for repository in repositories)


def image_name_lines(result: BuildResult, *, tagged: bool) -> tuple[str, ...]:
    """Kaniko's files of image names: each destination with the digest, with or without its tag."""
    if tagged:
        return tuple(str(tag.pinned(result.digest)) for tag in result.tags)
    return tuple(f"{tag.repository}@{result.digest}" for tag in result.tags)


def error_lines(error: PybuildError, prefix: str = "ERROR: ") -> tuple[str, ...]:
    """An error: excerpt, message, hint."""
    excerpt = tuple(error.excerpt.splitlines())
    hint = (f"hint: {error.hint}",) if error.hint else ()
    return (*excerpt, prefix + error.message, *hint)
