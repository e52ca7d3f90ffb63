"""What stages are tied to: values that the plan is made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pybuild.dockerfile.instructions import Instruction, Stage
from pybuild.dockerfile.location import Location
from pybuild.graph.contexts import NamedFiles
from pybuild.graph.plan import ScratchBase
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference
from pybuild.ports import ResolvedImage

SCRATCH = "scratch"

ImageKey = tuple[Reference, Platform]
"""An image is resolved once for each platform that it is needed for."""

Resolved = Mapping[ImageKey, ResolvedImage]
"""What is known of images so far."""


@dataclass(frozen=True, slots=True)
class ImageUse:
    """An image that the build needs, for which platform, and the line that asks for it."""

    reference: Reference
    location: Location
    platform: Platform

    @property
    def key(self) -> ImageKey:
        """What ``make_plan`` finds its resolved image by."""
        return self.reference, self.platform


Origin = int | ImageUse | NamedFiles | ScratchBase
"""What a name in FROM or ``--from`` means: a stage by its index, an image, files, or nothing."""


@dataclass(frozen=True, slots=True)
class Links:
    """What a stage is tied to.

    Attributes:
        platform: Of its base, unless that is a stage.
        base: What it starts from.
        origins: What each ``--from``, and each mount's ``from``, means, by the text as written.
        triggers: The instructions that its base hands down (ONBUILD); they come first.
        replaced: A named context of the stage's own name stands for it: none of its instructions
            count.
    """

    stage: Stage
    platform: Platform
    base: Origin
    origins: Mapping[str, Origin]
    triggers: tuple[Instruction, ...] = ()
    replaced: bool = False

    @property
    def instructions(self) -> tuple[Instruction, ...]:
        """All that the stage does, in order."""
        return () if self.replaced else (*self.triggers, *self.stage.instructions)

    def used_stages(self) -> Iterator[int]:
        """The stages it cannot be made without."""
        return (one for one in (self.base, *self.origins.values()) if isinstance(one, int))


def images(links: tuple[Links, ...], resolved: Resolved | None = None) -> tuple[ImageUse, ...]:
    """Every image that is not resolved yet, once, with the first line that asks for it.

    When the answer is empty the plan can be made. Else resolve them and ask ``reachable`` again:
    the ONBUILD triggers of a new base may name more.
    """
    found: dict[ImageKey, ImageUse] = {}
    for link in links:
        for origin in (link.base, *link.origins.values()):
            if isinstance(origin, ImageUse) and origin.key not in (resolved or {}):
                found.setdefault(origin.key, origin)
    return tuple(found.values())
