"""Flags of ``docker build`` that are no options of ours: what becomes of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pybuild.errors import UsageError
from pybuild.settings.argv import dashed


@dataclass(frozen=True, slots=True)
class DockerFlag:
    """A flag that is accepted only as far as it asks for what happens anyway.

    Attributes:
        name: Without dashes, as docker spells it.
        why: What we do instead, for a flag of which every value is accepted.
        harmless: Else the values that are.
    """

    name: str
    boolean: bool = False
    why: str = ""
    harmless: tuple[str, ...] = ()


_FLAGS: tuple[DockerFlag, ...] = (
    DockerFlag("pull", boolean=True, why="every image is looked up anew in its registry"),
    DockerFlag("rm", boolean=True, why="there are no intermediate containers"),
    DockerFlag("force-rm", boolean=True, why="there are no intermediate containers"),
    DockerFlag("builder", why="there is one builder, this program"),
    DockerFlag("provenance", harmless=("", "false", "mode=disabled")),
    DockerFlag("sbom", harmless=("", "false")),
    DockerFlag("allow", harmless=("network.host",)),
    DockerFlag("attest"),
    DockerFlag("cgroup-parent", harmless=("",)),
)

DOCKER_FLAGS: Mapping[str, DockerFlag] = MappingProxyType({flag.name: flag for flag in _FLAGS})


def check_docker_flag(name: str, value: str) -> None:
    """Take a flag that changes nothing here.

    Raises:
        UsageError: It would change the result.
    """
    flag = DOCKER_FLAGS[name]
    if not flag.why and value not in flag.harmless:
        # What a secret or an argument holds is not printed.
        shown = f"={value}" if flag.harmless else ""
        raise UsageError(f"not supported yet: {dashed(name)}{shown}")
