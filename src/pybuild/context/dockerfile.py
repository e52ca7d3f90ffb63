"""Finding and reading the Dockerfile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pybuild.context.inside import read_text, resolve_below
from pybuild.context.piped_dockerfile import STANDARD_INPUT
from pybuild.errors import ContextError
from pybuild.ports import FetchedContext

_DEFAULT_NAMES = ("Dockerfile", "dockerfile")  # BuildKit falls back to the second one


@dataclass(frozen=True, slots=True)
class FoundDockerfile:
    """A Dockerfile as it was read.

    Attributes:
        name: For messages: relative to the context where it lies in it, else as given.
        path: Where it stands, before links are followed.
    """

    name: str
    text: str
    path: Path


def read_dockerfile(context: FetchedContext, given: str, cwd: Path) -> FoundDockerfile:
    """Find the Dockerfile and read it.

    A relative name is looked for in cwd first, then in the context: docker's clients do the
    first, users of Kaniko expect both.

    Args:
        context: In one that was fetched no path and no link may lead out of it.
        given: As the user gave it; empty is ``Dockerfile``, else ``dockerfile``, in the context;
            ``-`` is the one that came apart.
        cwd: Absolute.

    Raises:
        ContextError: It is not there, lies outside a fetched context, or is not UTF-8.
    """
    if context.dockerfile is not None:
        return _apart(context.dockerfile, given)
    if given.startswith(("http://", "https://")):
        raise ContextError(
            "a Dockerfile cannot be given as a URL",
            hint="give its URL as the context, or download it and pipe it in with --file -",
        )
    places = _places(context, given, cwd)
    for place in places:
        found = _resolve(context, place)
        if found is not None and not found.is_dir():
            name = _display(context, place, given)
            return FoundDockerfile(name, read_text(found, name), place)
    looked = " or ".join(str(place) for place in places)
    raise ContextError(
        f"there is no Dockerfile at {looked}",
        hint="name it with --file, relative to the working directory or to the context",
    )


def _apart(path: Path, given: str) -> FoundDockerfile:
    if given not in {"", STANDARD_INPUT}:
        raise ContextError(
            f"there are two Dockerfiles: the context is one, and {given} is given too",
            hint="leave out --file, or give a directory or an archive as the context",
        )
    return FoundDockerfile("Dockerfile", read_text(path, "Dockerfile"), path)


def _places(context: FetchedContext, given: str, cwd: Path) -> tuple[Path, ...]:
    if not given:
        return tuple(context.directory / name for name in _DEFAULT_NAMES)
    path = Path(given)
    if path.is_absolute():
        return (path,)
    return tuple(dict.fromkeys((cwd / path, context.directory / path)))


def _resolve(context: FetchedContext, place: Path) -> Path | None:
    """Where the file is; None where nothing is there."""
    if context.owned and place.is_relative_to(context.directory):
        return resolve_below(context.directory, place)
    try:
        return place.resolve(strict=True)
    except (OSError, RuntimeError):
        return None


def _display(context: FetchedContext, place: Path, given: str) -> str:
    if place.is_relative_to(context.directory):
        return str(place.relative_to(context.directory))
    return given
