"""Who reads a Dockerfile: what ``# syntax=`` names is either us or somebody we cannot run."""

from __future__ import annotations

from pybuild.dockerfile.source import Problem

BUILT_IN = "dockerfile.v0"
"""BuildKit's name of the frontend that is part of the builder, whatever a file's head says."""

# Every release of the language is meant: tags choose a version, and we speak the newest. A
# mirror's name keeps the end of the path.
_OURS = ("docker/dockerfile", "docker/dockerfile-upstream")


def check_frontend(value: str) -> None:
    """Look at what a syntax directive, or BUILDKIT_SYNTAX, names; its first word is an image.

    Raises:
        Problem: It is a frontend that speaks another language.
    """
    words = value.split(maxsplit=1)
    if not words or words[0] == BUILT_IN:
        return
    repository = _repository(words[0])
    if not f"/{repository}".endswith(tuple(f"/{name}" for name in _OURS)):
        raise Problem(
            f"frontend {words[0]} is not supported: this builder reads {_OURS[0]} itself",
            hint="remove the syntax directive, or read the file as a plain Dockerfile all the "
            "same with --syntax=ignore",
        )


def _repository(reference: str) -> str:
    """A reference without digest and tag; the colon of a port is followed by a slash."""
    named = reference.partition("@")[0]
    path, _, tag = named.rpartition(":")
    return path if path and "/" not in tag else named
