"""The flags of ``pybuild cache``: its own, and those of a build that say how to get there."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from pybuild.cli.invocation import Invocation
from pybuild.errors import UsageError
from pybuild.oci.reference import Repository
from pybuild.request import RegistryOptions
from pybuild.settings import argv
from pybuild.settings.caches import CachePlace, cache_place
from pybuild.settings.compose import secrets_of
from pybuild.settings.option import Form, Option
from pybuild.settings.place import Place
from pybuild.settings.registries import read_registries
from pybuild.settings.registry_options import REGISTRY_OPTIONS
from pybuild.settings.table import BY_NAME
from pybuild.settings.values import Values, from_environment, from_flags

HELP = """\
Usage: pybuild cache COMMAND

Commands:
  ls PLACE          List the steps that a cache holds.
  show PLACE KEY    Tell all of one; the beginning of its key is enough.
  prune [PLACE]     Remove steps; with --state, blobs of the state directory.
  warm IMAGE...     Fetch the layers of base images into the state directory.

A place is a repository, or a directory: /DIRECTORY, ./DIRECTORY or oci:DIRECTORY.

Flags of ls and show:
  --format FORM     table or json. Default: table.

Flags of prune:
  --older-than DURATION   Remove steps that ran longer ago, as 336h.
  --max-bytes SIZE        Remove the oldest until the rest is not larger, as 10g.
  --keep-last N           Keep the newest N of each step, whatever the other flags say; alone,
                          remove all others.
  --dry-run               Only list what would be removed.
  --state                 Clear up the state directory's blobs; takes --max-bytes alone.

Flag of warm:
  --platform PLATFORM     As of a build.
"""

_OWN: Mapping[str, tuple[argv.Flag, ...]] = {
    "ls": (argv.Flag("format"),),
    "show": (argv.Flag("format"),),
    "prune": (
        argv.Flag("older-than"),
        argv.Flag("max-bytes"),
        argv.Flag("keep-last"),
        argv.Flag("dry-run", boolean=True),
        argv.Flag("state", boolean=True),
    ),
    "warm": (),
}
COMMANDS = tuple(_OWN)
_REACHING: tuple[Option, ...] = (
    *(option for option in REGISTRY_OPTIONS if option.form is Form.FLAG),
    BY_NAME["state-dir"],
)
_HELP_FLAGS = (argv.Flag("help", boolean=True), argv.Flag("h", boolean=True))


@dataclass(frozen=True, slots=True)
class CacheOptions:
    """What a command was given.

    Attributes:
        own: Its own flags, the last of each.
        positionals: Places, keys and images.
        values: The options of a build.
        registries: How registries are reached.
    """

    own: Mapping[str, str]
    positionals: tuple[str, ...]
    values: Values
    registries: RegistryOptions
    place: Place

    def cache(self, text: str) -> CachePlace:
        """A repository or a directory.

        Raises:
            UsageError: It is neither, or the directory is no cache.
        """
        if text.startswith(("/", "./", "../")) or text in {".", ".."}:
            text = f"oci:{text}"
        found, tag = cache_place(text, "PLACE", self.place)
        if tag:
            raise UsageError(f"{text} has a tag, which says nothing of a cache")
        if not isinstance(found, Repository) and not (found / "index.json").is_file():
            raise UsageError(f"{found} is no cache: it has no index.json")
        return found


def read_cache_options(command: str, invocation: Invocation) -> CacheOptions | None:
    """Read a command's arguments; None where its help is asked for.

    Raises:
        UsageError: A flag is not known or malformed.
    """
    own = _OWN[command]
    reaching = (*_REACHING, BY_NAME["platform"]) if command == "warm" else _REACHING
    shared = tuple(argv.Flag(option.name, boolean=_is_flag(option)) for option in reaching)
    parsed = argv.parse(invocation.arguments, (*own, *shared, *_HELP_FLAGS))
    if any(flag in _HELP_FLAGS for flag, _ in parsed.flags):
        return None
    ours = {flag.name: value for flag, value in parsed.flags if flag in own}
    others = tuple(pair for pair in parsed.flags if pair[0] not in own)
    values = Values(from_flags(argv.Parsed(others, ())), from_environment(invocation.env))
    place = invocation.place()
    for secret in (*secrets_of(values), *place.proxy_passwords()):
        invocation.masker.add(secret)
    registries = read_registries(values, place)
    return CacheOptions(ours, parsed.positionals, values, registries, place)


def cache_help() -> str:
    """The help of ``pybuild cache``."""
    names = " ".join(argv.dashed(option.name) for option in _REACHING)
    reaching = textwrap.fill(f"All take, as a build does: {names}", 96, break_on_hyphens=False)
    return f"{HELP}\n{reaching}"


def _is_flag(option: Option) -> bool:
    return option.kind.value == "flag"
