"""Kaniko's command line and environment in terms of our options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from pybuild.errors import UsageError
from pybuild.events import BuildWarning
from pybuild.request import Output
from pybuild.settings import argv
from pybuild.settings.kaniko_flags import ALIASES, FLAGS, Fate, KanikoFlag, Value
from pybuild.settings.kaniko_own import read_own
from pybuild.settings.option import Kind
from pybuild.settings.table import BY_NAME, OPTIONS
from pybuild.settings.values import Given, Values, truth

DEFAULTS: Mapping[str, Given] = MappingProxyType(
    {
        "context": Given(("/workspace",), "--context"),
        "push": Given(("true",), "--destination"),
        "cache-ttl": Given(("336h",), "--cache-ttl"),
    }
)
"""Where Kaniko's defaults differ from ours."""

_RETRIES = frozenset({"push-retry", "image-download-retry"})
_NEVER_EMPTY = frozenset({Kind.NUMBER, Kind.DURATION, Kind.CHOICE})
_FEATURES = "FF_KANIKO_"
_FLAG = re.compile(r"(?<![A-Z] )--([a-z][a-z-]*)")
"""A flag in a hint, but not that of an instruction: FROM --platform."""


@dataclass(frozen=True, slots=True)
class Translated:
    """What flags and variables of Kaniko say.

    Attributes:
        layer: Values of our options.
        notes: What to tell those who ask for details.
        warnings: What differs from Kaniko.
    """

    layer: Mapping[str, Given]
    notes: tuple[str, ...] = ()
    warnings: tuple[BuildWarning, ...] = ()


def flags() -> tuple[argv.Flag, ...]:
    """Every flag that the executor knows."""
    ours = (argv.Flag(name, o.kind is Kind.FLAG) for o in OPTIONS for name in o.kaniko)
    theirs = {flag.name: flag.boolean for flag in FLAGS}
    aliases = (argv.Flag(alias, theirs[name]) for alias, name in ALIASES.items())
    help_flags = (argv.Flag("h", boolean=True), argv.Flag("help", boolean=True))
    return (*ours, *(argv.Flag(*item) for item in theirs.items()), *aliases, *help_flags)


def from_flags(parsed: argv.Parsed) -> Translated:
    """What the executor's flags give.

    Raises:
        UsageError: A flag would change the result in a way that is not built yet, or its value is
            not of its form.
    """
    if parsed.positionals:
        raise UsageError(
            f"unexpected argument {parsed.positionals[0]!r}", hint="the context is --context"
        )
    layer: dict[str, Given] = {}
    own: dict[str, list[str]] = {}
    notes: list[str] = []
    warnings: list[BuildWarning] = []
    names = {name: option.name for option in OPTIONS for name in option.kaniko}
    theirs = {flag.name: flag for flag in FLAGS}
    for flag, value in parsed.flags:
        if flag.name in names:
            _collect(layer, names[flag.name], value, str(flag))
            continue
        known = theirs[ALIASES.get(flag.name, flag.name)]
        if _has_effect(known, value, str(flag), notes, warnings):
            own.setdefault(known.name, []).append(value)
    layer.update(read_own(own, layer, notes))
    return Translated(layer, tuple(notes), tuple(warnings))


def from_environment(env: Mapping[str, str]) -> Translated:
    """What Kaniko's own variables give; its feature flags are warned of.

    Raises:
        UsageError: A value is not of its form.
    """
    layer = {
        option.name: Given((env[option.kaniko_env],), option.kaniko_env)
        for option in OPTIONS
        if option.kaniko_env and env.get(option.kaniko_env)
    }
    if env.get("KANIKO_NO_PUSH"):
        pushes = not truth(env["KANIKO_NO_PUSH"], "KANIKO_NO_PUSH")
        layer["push"] = Given((str(pushes).lower(),), "KANIKO_NO_PUSH")
    if env.get("GIT_TOKEN"):  # wins over a user and a password, as in Kaniko
        layer["git-token"] = Given((env["GIT_TOKEN"],), "GIT_TOKEN")
    elif env.get("GIT_PASSWORD"):
        layer["git-token"] = Given((env["GIT_PASSWORD"],), "GIT_PASSWORD")
        layer["git-user"] = Given((env.get("GIT_USERNAME", ""),), "GIT_USERNAME")
    notes = []
    if env.get("KANIKO_DIR"):
        why = next(flag.why for flag in FLAGS if flag.name == "kaniko-dir")
        notes.append(f"KANIKO_DIR changes nothing here: {why}")
    features = sorted(name for name in env if name.startswith(_FEATURES))
    warnings = (
        BuildWarning("KanikoFeatureFlag", f"the variable {name} changes nothing here")
        for name in features
    )
    return Translated(layer, tuple(notes), tuple(warnings))


def exact_layouts(outputs: tuple[Output, ...]) -> tuple[Output, ...]:
    """Outputs as ``--oci-layout-path`` wants them: a layout lists its image once, without a name.

    go-containerregistry, Kaniko's library, and skopeo refuse a layout that lists several.
    """
    return tuple(replace(one, named=False) if one.kind == "oci" else one for one in outputs)


def in_kanikos_words(hint: str) -> str:
    """A hint with the executor's names of our flags, where they differ."""

    def called(match: re.Match[str]) -> str:
        option = BY_NAME.get(match[1])
        return argv.dashed(option.kaniko[0]) if option and option.kaniko else match[0]

    return _FLAG.sub(called, hint)


def check_destination(values: Values) -> None:
    """Hold Kaniko's rule that an image that is pushed has a name.

    Raises:
        UsageError: It has none.
    """
    if values.flag("push") and not values.many("tag"):
        raise UsageError(
            "you must provide --destination if the image is to be pushed",
            hint="give --destination HOST/NAME:TAG, or --no-push",
        )


def pull_http(env: Mapping[str, str]) -> bool:
    """Whether ``git://`` is fetched over http.

    Raises:
        UsageError: ``GIT_PULL_METHOD`` is neither http nor https.
    """
    method = env.get("GIT_PULL_METHOD", "") or "https"
    if method not in {"http", "https"}:
        raise UsageError(f"GIT_PULL_METHOD is {method!r}, neither http nor https")
    return method == "http"


def _collect(layer: dict[str, Given], name: str, value: str, spelled: str) -> None:
    # Without retries of its own Kaniko still has its library's: 0 is not our 0.
    if name in _RETRIES and value == "0":
        return
    if not value and BY_NAME[name].kind in _NEVER_EMPTY:
        return
    earlier = layer[name].values if name in layer else ()
    layer[name] = Given((*earlier, value), spelled)


def _has_effect(
    flag: KanikoFlag, value: str, spelled: str, notes: list[str], warnings: list[BuildWarning]
) -> bool:
    """Whether the value is to be read; else it is said why not."""
    wanted = _checked(flag, value, spelled)
    match flag.fate:
        case Fate.OWN:
            return True
        case Fate.WITHOUT_EFFECT:
            notes.append(f"{spelled} changes nothing here: {flag.why}")
        case Fate.WARNED if wanted not in flag.harmless:
            message = f"{spelled}={wanted} is not honoured: {flag.why}"
            warnings.append(BuildWarning("KanikoFlagNotHonoured", message))
        case Fate.MISSING if wanted not in flag.harmless:
            raise UsageError(f"not supported yet: {spelled}")
        case _:
            pass
    return False


def _checked(flag: KanikoFlag, value: str, spelled: str) -> str:
    """The value, a truth value in one spelling.

    Raises:
        UsageError: It is not of the flag's form.
    """
    match flag.value:
        case Value.BOOLEAN:
            return str(truth(value, spelled)).lower()
        case _ if value and flag.choices and value not in flag.choices:
            allowed = ", ".join(flag.choices)
            raise UsageError(f"{spelled}: {value!r} is not one of {allowed}")
        case _:
            return value
