"""Docker's ``--output``, ``--cache-from`` and ``--cache-to``: what of them can be honoured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pybuild.errors import UsageError
from pybuild.events import BuildWarning
from pybuild.oci.reference import Reference, Repository
from pybuild.request import Output
from pybuild.settings.lists import fields
from pybuild.settings.place import Place
from pybuild.settings.values import truth

_OUTPUT_KEYS = frozenset({"type", "dest", "tar", "rewrite-timestamp"})
_OTHER_OUTPUTS = frozenset({"image", "tar", "local", "cacheonly"})
_OTHER_CACHES = frozenset({"local", "inline", "gha", "s3", "azblob"})
_CACHE_KEYS: Mapping[str, frozenset[str]] = {
    "mode": frozenset({"max"}),
    "image-manifest": frozenset({"true"}),
    "oci-mediatypes": frozenset({"true"}),
    "ignore-error": frozenset({"true"}),
}
"""Keys of a registry cache and the values that say what we do anyway."""


@dataclass(frozen=True, slots=True)
class Exports:
    """What the ``--output`` options ask for together."""

    outputs: tuple[Output, ...]
    push: bool
    rewrite_timestamp: bool


def read_outputs(texts: tuple[str, ...], source: str, place: Place) -> Exports:
    """Read every ``--output``.

    Raises:
        UsageError: One asks for what there is not, or is not of docker's form.
    """
    outputs: list[Output] = []
    push = rewrite = False
    for text in texts:
        if "=" not in text:
            raise UsageError(
                f"{source} {text}: exporting files (type=local, type=tar) is not supported yet",
                hint="write type=oci,dest=PATH or type=docker,dest=PATH",
            )
        keys = dict(fields(text, source))
        _refuse_unknown(keys, text, source)
        rewrite |= truth(keys.get("rewrite-timestamp", "false"), f"{source} {text}")
        if keys["type"] == "registry":
            push = True
        else:
            outputs.append(_output(keys, text, source, place))
    return Exports(tuple(outputs), push, rewrite)


def read_caches(
    texts: tuple[str, ...], source: str
) -> tuple[tuple[Repository, ...], tuple[BuildWarning, ...]]:
    """Read every ``--cache-from`` or ``--cache-to``; a tag in one gives a warning.

    Raises:
        UsageError: One names a kind of cache or a setting that there is not yet.
    """
    repositories: list[Repository] = []
    warnings: list[BuildWarning] = []
    for text in texts:
        reference = Reference.parse(_cache_reference(text, source))
        repositories.append(reference.repository)
        if reference.digest or reference.tag != "latest":
            warnings.append(
                BuildWarning(
                    "CacheTagUnused",
                    f"{source} {text}: the tag is not used, steps are kept in "
                    f"{reference.repository} under tags of their own",
                )
            )
    return tuple(dict.fromkeys(repositories)), tuple(warnings)


def _refuse_unknown(keys: Mapping[str, str], text: str, source: str) -> None:
    kind = keys.get("type", "")
    if kind in _OTHER_OUTPUTS:
        raise UsageError(f"{source} {text}: type={kind} is not supported yet")
    if kind not in {"oci", "docker", "registry"}:
        raise UsageError(f"{source} {text}: the type is not one of oci, docker, registry")
    unknown = sorted(set(keys) - _OUTPUT_KEYS)
    if unknown:
        raise UsageError(f"{source} {text}: {unknown[0]}= is not supported yet")


def _output(keys: Mapping[str, str], text: str, source: str, place: Place) -> Output:
    kind, destination = keys["type"], keys.get("dest", "")
    tar = truth(keys.get("tar", "true"), f"{source} {text}")
    if not destination:
        raise UsageError(f"{source} {text}: dest= is missing", hint="name the file to write")
    if destination == "-":
        raise UsageError(f"{source} {text}: writing to standard output is not supported yet")
    if kind == "docker" and not tar:
        raise UsageError(f"{source} {text}: a docker archive is always one file")
    return Output(kind, place.path(destination), tar)


def _cache_reference(text: str, source: str) -> str:
    if "=" not in text:
        return text
    keys = dict(fields(text, source))
    kind, reference = keys.pop("type", ""), keys.pop("ref", "")
    if kind in _OTHER_CACHES:
        raise UsageError(
            f"{source} {text}: type={kind} is not supported yet",
            hint="keep the cache in a registry: type=registry,ref=HOST/REPOSITORY",
        )
    if kind != "registry":
        raise UsageError(f"{source} {text}: the type is not registry")
    for key, value in keys.items():
        if value not in _CACHE_KEYS.get(key, ()):
            raise UsageError(f"{source} {text}: {key}={value} is not supported yet")
    if not reference:
        raise UsageError(f"{source} {text}: ref= is missing")
    return reference
