"""The flags of Kaniko's executor (v1.24, and its fork's v1.28) that are no options of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Fate(Enum):
    """What becomes of a flag of Kaniko that is no option of ours."""

    OWN = "own"  # read by kaniko.py
    WITHOUT_EFFECT = "without effect"  # concerns how Kaniko works, not what comes out
    WARNED = "warned"  # what comes out differs in a way that callers can live with
    MISSING = "missing"  # would change the result: an error until it is built


class Value(Enum):
    """The form of a flag's value."""

    BOOLEAN = "boolean"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class KanikoFlag:
    """A flag of Kaniko's executor that is not one of our options.

    Attributes:
        name: Without dashes, as Kaniko spells it.
        choices: The values that Kaniko takes, or empty for any.
        harmless: Values that ask for what we do anyway; a flag that is missing or warned of
            passes with them.
        why: For a flag without effect: what we do instead. For one that is warned of: what
            differs.
    """

    name: str
    fate: Fate
    value: Value = Value.TEXT
    choices: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()
    why: str = ""

    @property
    def boolean(self) -> bool:
        """Whether the flag alone means true."""
        return self.value is Value.BOOLEAN


def _own(name: str, value: Value = Value.TEXT, *choices: str) -> KanikoFlag:
    return KanikoFlag(name, Fate.OWN, value, choices)


def _idle(
    name: str, why: str, value: Value = Value.BOOLEAN, choices: tuple[str, ...] = ()
) -> KanikoFlag:
    return KanikoFlag(name, Fate.WITHOUT_EFFECT, value, choices, why=why)


def _warned(name: str, harmless: str, why: str) -> KanikoFlag:
    return KanikoFlag(name, Fate.WARNED, Value.BOOLEAN, harmless=(harmless,), why=why)


def _missing(name: str, *harmless: str) -> KanikoFlag:
    return KanikoFlag(name, Fate.MISSING, harmless=harmless)


def _missing_boolean(name: str) -> KanikoFlag:
    return KanikoFlag(name, Fate.MISSING, Value.BOOLEAN, harmless=("false",))


_CHANGES = "changes are found without hashing files"
_MODES = ("full", "redo", "time")
_CLEAN = "the root filesystem is put back after every build"
_VAR_RUN = "mounts in the way of a RUN are found by themselves"

FLAGS: tuple[KanikoFlag, ...] = (
    _own("no-push", Value.BOOLEAN),
    _own("tar-path"),
    _own("oci-layout-path"),
    _own("compression-level"),
    _own("cache", Value.BOOLEAN),
    _own("cache-repo"),
    _own("no-push-cache", Value.BOOLEAN),
    _own("git"),
    _own("log-format", Value.TEXT, "text", "color", "json"),
    _warned(
        "single-snapshot",
        "false",
        "every instruction keeps a layer of its own; the files are the same",
    ),
    _warned("cache-run-layers", "true", "a RUN is cached like every other step"),
    _idle("snapshot-mode", _CHANGES, Value.TEXT, _MODES),
    _idle("use-new-run", _CHANGES),
    _idle("cleanup", _CLEAN),
    _idle("pre-cleanup", _CLEAN),
    _idle("preserve-context", "the context is never deleted"),
    _idle("force", "what a place can do is tried, not guessed"),
    _idle("skip-unused-stages", "stages that nothing needs are never built"),
    _idle("compressed-caching", "layers are never held in memory"),
    _idle("cache-copy-layers", "COPY and RUN are cached alike"),
    _idle("ignore-var-run", _VAR_RUN),
    _idle("kaniko-dir", "--state-dir and PYBUILD_STATE_DIR name our directory", Value.TEXT),
    _idle("cache-dir", "base images are kept in the state directory", Value.TEXT),
    _missing("annotation"),
    _missing("azure-container-registry-config", ""),
    _missing("bucket", ""),
    _missing("credential-helpers"),
    _missing("image-format", "", "oci"),
    _missing("secret"),
    _missing_boolean("force-build-metadata"),
    _missing_boolean("materialize"),
)

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "b": "bucket",
        "snapshotMode": "snapshot-mode",
        "tarPath": "tar-path",
        "whitelist-var-run": "ignore-var-run",
    }
)
"""Deprecated and short spellings."""
