"""Platforms as in an image index (image-spec image-index.md, ``platform``)."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pybuild.errors import UsageError

_MACHINES = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "i686": ("386", ""),
    "ppc64le": ("ppc64le", ""),
    "s390x": ("s390x", ""),
    "riscv64": ("riscv64", ""),
}
"""``uname -m`` to GOARCH and variant."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Operating system, architecture (GOARCH) and variant; an empty variant is none."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Parse ``os/arch[/variant]``.

        Raises:
            UsageError: text has another form.
        """
        parts = text.strip().lower().split("/")
        if not 2 <= len(parts) <= 3 or not all(parts):  # noqa: PLR2004 - the form has 2 or 3 parts
            raise UsageError(
                f"platform {text!r} is not of the form os/arch[/variant]",
                hint="write for example linux/amd64",
            )
        system, architecture, variant = (*parts, "")[:3]
        if architecture == "arm64" and variant == "v8":
            variant = ""  # the default variant is not written
        return cls(system, architecture, variant)

    @classmethod
    def host(cls) -> Platform:
        """The platform this process runs on."""
        machine = os.uname().machine
        architecture, variant = _MACHINES.get(machine, (machine, ""))
        return cls("linux", architecture, variant)

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)
