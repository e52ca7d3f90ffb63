"""Named contexts (``--build-context``): what a name means instead of a stage or an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pybuild.errors import UsageError
from pybuild.graph.platforms import parse_platform
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference

_RESERVED = frozenset({"context", "scratch"})  # dockerfile2llb namedContextFunc
_HUB = "docker.io/"
_HUB_OFFICIAL = "docker.io/library/"


@dataclass(frozen=True, slots=True)
class NamedImage:
    """A named context that is an image (``--build-context name=docker-image://…``)."""

    reference: Reference


@dataclass(frozen=True, slots=True)
class NamedFiles:
    """A named context of files: a directory, an archive, a git tree; name is ``FromContext``'s."""

    name: str


NamedContext = NamedImage | NamedFiles


@dataclass(frozen=True, slots=True)
class NamedContexts:
    """Named contexts by key: a name, or ``name::platform``, in the form ``context_key`` gives."""

    by_key: Mapping[str, NamedContext] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, NamedContext]) -> NamedContexts:
        """Contexts by their names as the user gave them.

        Raises:
            UsageError: A name is none.
        """
        return cls({context_key(name): context for name, context in given.items()})

    def find(self, name: str, platform: Platform) -> NamedContext | None:
        """What a name means for a platform: the one for that platform alone comes first."""
        if not self.by_key or name.lower() in _RESERVED:
            return None
        try:
            key = _familiar(name)
        except UsageError:
            return None  # no image's name, so no context's; whoever takes it for one will say so
        return self.by_key.get(f"{key}::{platform}") or self.by_key.get(key)


def context_key(name: str) -> str:
    """The one form of a context's name: as short as Docker writes images, without ``:latest``.

    Raises:
        UsageError: It is not a name that an image could have.
    """
    image, separator, platform = name.partition("::")
    try:
        key = _familiar(image)
        return f"{key}::{parse_platform(platform)}" if separator else key
    except UsageError as error:
        raise UsageError(
            f"invalid context name {name}: {error.message}",
            hint="name it like a stage or an image: lower case, for example base or alpine:3",
        ) from None


def _familiar(name: str) -> str:
    """Distribution's ``FamiliarString``, without ``:latest``."""
    text = str(Reference.parse(name))
    short = text.removeprefix(_HUB_OFFICIAL if text.startswith(_HUB_OFFICIAL) else _HUB)
    return short.removesuffix(":latest")
