"""Kaniko's command line and environment (v1.24) in terms of our options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from pybuild.errors import UsageError
from pybuild.settings import argv
from pybuild.settings.option import Kind
from pybuild.settings.table import OPTIONS
from pybuild.settings.values import Given, Values, truth

DEFAULTS: Mapping[str, Given] = MappingProxyType(
    {
        "context": Given(("/workspace",), "--context"),
        "push": Given(("true",), "--destination"),
    }
)
"""Where Kaniko's defaults differ from ours."""


class Fate(Enum):
    """What becomes of a flag of Kaniko that is no option of ours."""

    OWN = "own"  # read by this module
    WITHOUT_EFFECT = "without effect"  # concerns how Kaniko works, not what comes out
    MISSING = "missing"  # would change the result: an error until it is built


@dataclass(frozen=True, slots=True)
class KanikoFlag:
    """A flag of Kaniko's executor that is not one of our options.

    Attributes:
        name: Without dashes, as Kaniko spells it.
        harmless: Values of a missing flag that ask for what we do anyway.
        why: For a flag without effect: what we do instead.
    """

    name: str
    fate: Fate
    boolean: bool = False
    harmless: tuple[str, ...] = ()
    why: str = ""


def _idle(name: str, why: str, *, boolean: bool = True) -> KanikoFlag:
    return KanikoFlag(name, Fate.WITHOUT_EFFECT, boolean, why=why)


def _missing(name: str, *harmless: str, boolean: bool = False) -> KanikoFlag:
    accepted = (*harmless, "false") if boolean else harmless
    return KanikoFlag(name, Fate.MISSING, boolean, accepted)


_CHANGES = "changes are found without hashing files"
_CACHE = "COPY and RUN are cached alike"
_MEMORY = "layers are never held in memory"
_LOG = "the log has one form"

FLAGS: tuple[KanikoFlag, ...] = (
    KanikoFlag("no-push", Fate.OWN, boolean=True),
    KanikoFlag("tar-path", Fate.OWN),
    KanikoFlag("tarPath", Fate.OWN),
    KanikoFlag("cache", Fate.OWN, boolean=True),
    KanikoFlag("cache-repo", Fate.OWN),
    KanikoFlag("git", Fate.OWN),
    _idle("snapshot-mode", _CHANGES, boolean=False),
    _idle("snapshotMode", _CHANGES, boolean=False),
    _idle("use-new-run", _CHANGES),
    _idle("cleanup", "the root filesystem is put back after every build"),
    _idle("pre-cleanup", "the root filesystem is put back after every build"),
    _idle("preserve-context", "the context is never deleted"),
    _idle("force", "what a place can do is tried, not guessed"),
    _idle("skip-unused-stages", "stages that nothing needs are never built"),
    _idle("compressed-caching", _MEMORY),
    _idle("cache-copy-layers", _CACHE),
    _idle("cache-run-layers", _CACHE),
    _idle("log-format", _LOG, boolean=False),
    _idle("log-timestamp", _LOG),
    _idle("ignore-var-run", "mounts in the way of a RUN are found by themselves"),
    _idle("whitelist-var-run", "mounts in the way of a RUN are found by themselves"),
    _idle("skip-push-permission-check", "a push needs no check of its own"),
    _idle("image-fs-extract-retry", "downloads are tried again by themselves", boolean=False),
    _idle("image-download-retry", "downloads are tried again by themselves", boolean=False),
    _idle("push-retry", "uploads are tried again by themselves", boolean=False),
    _idle("kaniko-dir", "--state-dir and PYBUILD_STATE_DIR name our directory", boolean=False),
    _idle("cache-dir", "base images are kept in the state directory", boolean=False),
    _missing("annotation"),
    _missing("azure-container-registry-config", ""),
    _missing("bucket", ""),
    _missing("cache-ttl"),
    _missing("compression", "", "gzip"),
    _missing("compression-level", "-1", "1"),
    _missing("credential-helpers"),
    _missing("dryrun", boolean=True),
    _missing("force-build-metadata", boolean=True),
    _missing("ignore-path"),
    _missing("image-format", "", "oci"),
    _missing("image-name-tag-with-digest-file", ""),
    _missing("image-name-with-digest-file", ""),
    _missing("materialize", boolean=True),
    _missing("no-push-cache", boolean=True),
    _missing("oci-layout-path", ""),
    _missing("push-ignore-immutable-tag-errors", boolean=True),
    _missing("registry-certificate"),
    _missing("registry-client-cert"),
    _missing("registry-map"),
    _missing("reproducible", boolean=True),
    _missing("secret"),
    _missing("single-snapshot", boolean=True),
    _missing("skip-default-registry-fallback", boolean=True),
    _missing("skip-tls-verify", boolean=True),
    _missing("skip-tls-verify-pull", boolean=True),
    _missing("skip-tls-verify-registry"),
)

ALIASES: Mapping[str, str] = MappingProxyType(
    {"tarPath": "tar-path", "snapshotMode": "snapshot-mode", "b": "bucket"}
)
"""Deprecated and short spellings."""

_GIT_WITHOUT_EFFECT = frozenset({"single-branch", "depth"})  # one ref, shallow: what we do anyway
_ENVIRONMENT_MISSING = ("KANIKO_REGISTRY_MAP",)


def flags() -> tuple[argv.Flag, ...]:
    """Every flag that the executor knows."""
    ours = (argv.Flag(name, o.kind is Kind.FLAG) for o in OPTIONS for name in o.kaniko)
    theirs = (argv.Flag(flag.name, flag.boolean) for flag in FLAGS)
    return (*ours, *theirs, argv.Flag("b"), argv.Flag("h", boolean=True), argv.Flag("help", True))


def from_flags(parsed: argv.Parsed) -> tuple[dict[str, Given], tuple[str, ...]]:
    """What the executor's flags give, and what to say for those who ask for details.

    Raises:
        UsageError: A flag would change the result in a way that is not built yet.
    """
    if parsed.positionals:
        raise UsageError(
            f"unexpected argument {parsed.positionals[0]!r}", hint="the context is --context"
        )
    collected: dict[str, list[str]] = {}
    spelled: dict[str, str] = {}
    own: dict[str, list[str]] = {}
    notes: list[str] = []
    names = {name: option.name for option in OPTIONS for name in option.kaniko}
    theirs = {flag.name: flag for flag in FLAGS}
    for flag, value in parsed.flags:
        if flag.name in names:
            collected.setdefault(names[flag.name], []).append(value)
            spelled[names[flag.name]] = str(flag)
        else:
            name = ALIASES.get(flag.name, flag.name)
            notes += _other(theirs[name], value)
            own.setdefault(name, []).append(value)
    layer = {name: Given(tuple(values), spelled[name]) for name, values in collected.items()}
    layer.update(_own(own, layer, notes))
    return layer, tuple(notes)


def from_environment(env: Mapping[str, str]) -> dict[str, Given]:
    """What Kaniko's own variables give.

    Raises:
        UsageError: One of them is not supported yet.
    """
    for name in _ENVIRONMENT_MISSING:
        if env.get(name):
            raise UsageError(f"not supported yet: the variable {name}")
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
    return layer


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


def _other(flag: KanikoFlag, value: str) -> list[str]:
    if flag.fate is Fate.WITHOUT_EFFECT:
        return [f"{argv.dashed(flag.name)} changes nothing here: {flag.why}"]
    if flag.fate is Fate.MISSING and not _is_harmless(flag, value):
        raise UsageError(f"not supported yet: {argv.dashed(flag.name)}")
    return []


def _is_harmless(flag: KanikoFlag, value: str) -> bool:
    if flag.boolean:
        return not truth(value, argv.dashed(flag.name))
    return value in flag.harmless


def _own(
    own: Mapping[str, Sequence[str]], layer: Mapping[str, Given], notes: list[str]
) -> dict[str, Given]:
    last = {name: values[-1] for name, values in own.items()}
    result: dict[str, Given] = {}
    if "no-push" in last:
        pushes = not truth(last["no-push"], "--no-push")
        result["push"] = Given((str(pushes).lower(),), "--no-push")
    if last.get("tar-path"):
        quoted = last["tar-path"].replace('"', '""')
        result["output"] = Given((f'type=docker,"dest={quoted}"',), "--tar-path")
    if "cache" in last and truth(last["cache"], "--cache"):
        repository = Given((_cache_repository(last, layer),), "--cache-repo")
        result["cache-from"] = result["cache-to"] = repository
    result.update(_git(own.get("git", ()), notes))
    return result


def _cache_repository(last: Mapping[str, str], layer: Mapping[str, Given]) -> str:
    repository = last.get("cache-repo", "")
    if repository.startswith("oci:"):
        raise UsageError(f"not supported yet: --cache-repo {repository}")
    if repository:
        return repository
    destinations = layer["tag"].values if "tag" in layer else ()
    if not destinations:
        raise UsageError("--cache needs --cache-repo where there is no --destination")
    return _repository_of(destinations[0]) + "/cache"


def _repository_of(destination: str) -> str:
    rest = destination.partition("@")[0]
    head, slash, tail = rest.rpartition("/")
    return head + slash + tail.partition(":")[0]


def _git(texts: Iterable[str], notes: list[str]) -> dict[str, Given]:
    result: dict[str, Given] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--git: {text!r} is not of the form key=value")
        if key == "branch":
            result["git-branch"] = Given((value,), "--git branch")
        elif key in _GIT_WITHOUT_EFFECT:
            notes.append(f"--git {key} changes nothing here: one ref is fetched, without history")
        elif key in {"recurse-submodules", "insecure-skip-tls"}:
            if truth(value, f"--git {key}"):
                raise UsageError(f"not supported yet: --git {key}")
        else:
            raise UsageError(f"--git: {key!r} is not a setting")
    return result
