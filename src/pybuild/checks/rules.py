"""The rules: names, texts and links of BuildKit's ``frontend/dockerfile/linter/ruleset.go``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pybuild.dockerfile.location import Location

_DOCS = "https://docs.docker.com/go/dockerfile/rule/"
_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        name: As in ``# check=skip=…``.
        description: What it wants, in one line.
        is_own: Whether it is ours, not BuildKit's.
        is_experimental: Whether it must be asked for.
    """

    name: str
    description: str
    is_own: bool = False
    is_experimental: bool = False

    @property
    def url(self) -> str:
        """Where it is explained, or empty."""
        return "" if self.is_own else f"{_DOCS}{_WORD_START.sub('-', self.name).lower()}/"


@dataclass(frozen=True, slots=True)
class Violation:
    """A place in a Dockerfile that breaks a rule."""

    rule: Rule
    detail: str
    location: Location


_RULES = (
    Rule("StageNameCasing", "Stage names should be lowercase"),
    Rule("FromAsCasing", "The 'as' keyword should match the case of the 'from' keyword"),
    Rule("NoEmptyContinuation", "Empty continuation lines will become errors in a future release"),
    Rule(
        "ConsistentInstructionCasing",
        "All commands within the Dockerfile should use the same casing (either upper or lower)",
    ),
    Rule("DuplicateStageName", "Stage names should be unique"),
    Rule("ReservedStageName", "Reserved words should not be used as stage names"),
    Rule(
        "JSONArgsRecommended",
        "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to "
        "OS signals",
    ),
    Rule(
        "MaintainerDeprecated",
        "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
    ),
    Rule("UndefinedArgInFrom", "FROM command must use declared ARGs"),
    Rule(
        "WorkdirRelativePath",
        "Relative workdir without an absolute workdir declared within the build can have "
        "unexpected results if the base image changes",
    ),
    Rule("UndefinedVar", "Variables should be defined before their use"),
    Rule(
        "MultipleInstructionsDisallowed",
        "Multiple instructions of the same type should not be used in the same stage",
    ),
    Rule(
        "LegacyKeyValueFormat",
        "Legacy key/value format with whitespace separator should not be used",
    ),
    Rule("InvalidBaseImagePlatform", "Base image platform does not match expected target platform"),
    Rule(
        "RedundantTargetPlatform",
        "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the "
        "default behavior",
    ),
    Rule("SecretsUsedInArgOrEnv", "Sensitive data should not be used in the ARG or ENV commands"),
    Rule(
        "InvalidDefaultArgInFrom",
        "Default value for global ARG results in an empty or invalid base image name",
    ),
    Rule(
        "FromPlatformFlagConstDisallowed",
        "FROM --platform flag should not use a constant value",
    ),
    Rule(
        "CopyIgnoredFile",
        "Attempting to Copy file that is excluded by .dockerignore",
        is_experimental=True,
    ),
    Rule(
        "InvalidDefinitionDescription",
        "Comment for build stage or argument should follow the format: "
        "`# <arg/stage name> <description>`. If this is not intended to be a description comment, "
        "add an empty line or comment between the instruction and the comment.",
        is_experimental=True,
    ),
    Rule("ExposeProtoCasing", "Protocol in EXPOSE instruction should be lowercase"),
    Rule("ExposeInvalidFormat", "IP address and host-port mapping should not be used in EXPOSE"),
    Rule("UnusedBuildArg", "A build argument should be declared by an ARG", is_own=True),
    Rule(
        "SecretInImage",
        "A secret's value should not stand in the Dockerfile or in build arguments",
        is_own=True,
    ),
)

RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in _RULES})
