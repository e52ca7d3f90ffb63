"""``# check=`` and the build argument that stands for it: which rules count, and whether as errors.

Grammar::

    value:  option { ";" option }
    option: "skip=" rules  |  "error=" boolean  |  "experimental=" rules
    rules:  "all"  |  name { "," name }
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from pybuild.checks.rules import Rule, Violation
from pybuild.dockerfile.instructions import Dockerfile
from pybuild.dockerfile.location import Location
from pybuild.errors import DockerfileError

BUILD_ARG = "BUILDKIT_DOCKERFILE_CHECK"
"""The build argument that wins over the file's own directive."""

_TRUTH = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}
"""Go's ``strconv.ParseBool``, in lower case."""

_NO_RULES: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CheckConfig:
    """What a directive asks for; names of rules are in lower case, ``all`` is every one.

    Attributes:
        error: Whether a violation fails the build.
    """

    skip: frozenset[str] = _NO_RULES
    error: bool = False
    experimental: frozenset[str] = _NO_RULES

    @classmethod
    def parse(cls, value: str) -> CheckConfig:
        """Read a directive's value.

        Raises:
            ValueError: It is malformed; the message says how.
        """
        found: dict[str, str] = {}
        for option in value.split(";"):
            name, equals, text = option.strip().partition("=")
            if not name and not equals:
                continue
            if not equals or name not in {"skip", "error", "experimental"}:
                raise ValueError(f"invalid check option {option.strip()!r}")
            found[name] = text.strip()
        error = _TRUTH.get(found.get("error", "false").lower())
        if error is None:
            raise ValueError(f'failed to parse check option "error={found["error"]}"')
        return cls(_names(found, "skip"), error, _names(found, "experimental"))

    def wants(self, rule: Rule) -> bool:
        """Whether a rule counts."""
        if _has(self.skip, rule):
            return False
        return not rule.is_experimental or _has(self.experimental, rule)

    def joined(self, other: CheckConfig) -> CheckConfig:
        """This one and another, as for an instruction with a directive of its own above it."""
        return CheckConfig(
            self.skip | other.skip,
            self.error or other.error,
            self.experimental | other.experimental,
        )


def config_of(dockerfile: Dockerfile, build_arg: str) -> CheckConfig:
    """What holds for the whole file.

    Raises:
        DockerfileError: The directive is malformed.
    """
    value = build_arg or dict(dockerfile.directives).get("check", "")
    try:
        return CheckConfig.parse(value)
    except ValueError as error:
        raise DockerfileError(f"check directive: {error}") from None


def config_above(dockerfile: Dockerfile, location: Location) -> CheckConfig:
    """What ``# check=`` comments right above an instruction say of it; a malformed one nothing."""
    found = CheckConfig()
    number = location.first_line - 1
    while number >= 1 and (line := dockerfile.lines[number - 1].strip()).startswith("#"):
        name, equals, value = line.lstrip("# \t").partition("=")
        if equals and name.strip().lower() == "check":
            with contextlib.suppress(ValueError):
                found = found.joined(CheckConfig.parse(value.strip()))
        number -= 1
    return found


def failing(violations: tuple[Violation, ...], dockerfile: Dockerfile) -> DockerfileError:
    """The error where ``error=true`` holds and there are violations; it shows the first one."""
    names = ", ".join(sorted({violation.rule.name for violation in violations}))
    return DockerfileError(
        f"lint violation found for rules: {names}",
        hint="fix them, or leave rules out: # check=skip=NAME;error=true",
        excerpt=dockerfile.excerpt(violations[0].location),
    )


def _names(found: dict[str, str], option: str) -> frozenset[str]:
    return frozenset(name.strip().lower() for name in found.get(option, "").split(",") if name)


def _has(names: frozenset[str], rule: Rule) -> bool:
    return "all" in names or rule.name.lower() in names
