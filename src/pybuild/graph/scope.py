"""ARG scopes: the global one before the first FROM, platform and proxy arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pybuild.dockerfile.expand import ExpansionError, expand
from pybuild.dockerfile.instructions import Dockerfile
from pybuild.dockerfile.location import Location
from pybuild.errors import DockerfileError
from pybuild.oci.platform import Platform

PROXY_ARGS = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
"""Known to every RUN without an ARG, in both cases (BuildKit, dockerfile2llb ``proxyEnv``)."""

EPOCH = "SOURCE_DATE_EPOCH"
"""Given wherever it is set, by the environment too."""

_TO_BUILDER = "BUILDKIT_"
"""Build-args that speak to the builder and count as used."""

_HEARD = frozenset(
    {
        "BUILDKIT_BUILD_NAME",  # what a build is called on a screen
        "BUILDKIT_CACHE_MOUNT_NS",
        "BUILDKIT_DOCKERFILE_CHECK",
        "BUILDKIT_SANDBOX_HOSTNAME",
        "BUILDKIT_SYNTAX",
    }
)
_OFF = frozenset({"", "0", "false"})


@dataclass(frozen=True, slots=True)
class Scope:
    """What expands in FROM, and where a stage's ARGs get their values.

    Attributes:
        given: The build-args.
        platform_args: ``TARGETPLATFORM`` and its like, declared by a stage or not.
        for_from: The variables of FROM lines: the platform's, and ARGs before the first FROM that
            have a value.
        platform: What the target is for.
    """

    given: Mapping[str, str]
    platform_args: Mapping[str, str]
    for_from: Mapping[str, str]
    platform: Platform

    def value(self, name: str, default: str | None) -> str | None:
        """A stage ARG's value: build-arg, then its default, then the global value."""
        if name in self.given:
            return self.given[name]
        return self.for_from.get(name) if default is None else default

    def proxies(self) -> tuple[tuple[str, str], ...]:
        """Proxy build-args, each in both cases."""
        found = {}
        for name in PROXY_ARGS:
            for spelling in (name, name.lower()):
                if spelling in self.given:
                    found[name] = found[name.lower()] = self.given[spelling]
        return tuple(sorted(found.items()))


def global_scope(
    dockerfile: Dockerfile, given: Mapping[str, str], platform: Platform, target: str
) -> Scope:
    """Evaluate the ARGs before the first FROM, in order; a build-arg wins."""
    stage = target or dockerfile.stages[-1].source.name or "default"
    platform_args = {**_platform_args(platform), "TARGETSTAGE": stage}
    platform_args |= {name: given[name] for name in platform_args if name in given}
    values = dict(platform_args)
    for arg in dockerfile.global_args:
        for name, default in arg.pairs:
            if name in given:
                values[name] = given[name]
            elif default is not None:
                values[name] = expanded(dockerfile, arg.location, default, values)
    return Scope(given, platform_args, values, platform)


def used_without_arg(name: str) -> bool:
    """Whether a build-arg means something without an ARG in the Dockerfile."""
    return name.upper() in PROXY_ARGS or name == EPOCH or name.startswith(_TO_BUILDER)


def not_heard(name: str, value: str) -> bool:
    """Whether a build-arg asks the builder for something that this one does not do."""
    return name.startswith(_TO_BUILDER) and name not in _HEARD and value.lower() not in _OFF


def expanded(dockerfile: Dockerfile, location: Location, word: str, env: Mapping[str, str]) -> str:
    """A word with its variables; an error gets the place where it stands."""
    try:
        return expand(word, env, escape=dockerfile.escape)
    except ExpansionError as error:
        raise problem(dockerfile, location, str(error)) from None


def problem(
    dockerfile: Dockerfile, location: Location, message: str, hint: str = ""
) -> DockerfileError:
    """An error with the excerpt of the lines it is about."""
    return DockerfileError(message, hint=hint, excerpt=dockerfile.excerpt(location))


def _platform_args(target: Platform) -> dict[str, str]:
    values: dict[str, str] = {}
    for side, platform in (("BUILD", Platform.host()), ("TARGET", target)):
        values |= {
            f"{side}PLATFORM": str(platform),
            f"{side}OS": platform.os,
            f"{side}OSVERSION": "",
            f"{side}ARCH": platform.architecture,
            f"{side}VARIANT": platform.variant,
        }
    return values
