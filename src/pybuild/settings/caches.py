"""Docker's ``--cache-from`` and ``--cache-to``: what of them can be honoured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pybuild.errors import UsageError
from pybuild.events import BuildWarning
from pybuild.oci.reference import Reference, Repository
from pybuild.settings.lists import fields
from pybuild.settings.place import Place
from pybuild.settings.values import Values

CachePlace = Repository | Path
"""Where steps are kept: a repository, or a directory of this machine."""

_DIRECTORY = "oci:"
"""What a directory begins with where a repository could stand (Kaniko's ``--cache-repo``)."""

_ELSEWHERE = "keep the cache in a registry, type=registry,ref=HOST/REPOSITORY, or in a directory"
_REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "inline": "type=inline cannot be used: what BuildKit writes into an image does not say on"
        " which layers a step ran",
        "gha": "type=gha is not supported yet",
        "s3": "type=s3 is not supported yet",
        "azblob": "type=azblob is not supported yet",
    }
)
"""Kinds of docker's, and why they are refused."""

_ANYWAY: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "mode": frozenset({"max"}),
        "image-manifest": frozenset({"true"}),
        "oci-mediatypes": frozenset({"true"}),
        "ignore-error": frozenset({"true"}),
    }
)
"""Keys of a cache and the values that say what we do anyway."""


def read_cache_from(
    values: Values, place: Place
) -> tuple[tuple[CachePlace, ...], tuple[BuildWarning, ...]]:
    """Every ``--cache-from``, in order; a tag in one gives a warning.

    Raises:
        UsageError: One names a kind of cache or a setting that there is not.
    """
    return _read(values, "cache-from", "src", place)


def read_cache_to(
    values: Values, place: Place
) -> tuple[tuple[CachePlace, ...], tuple[BuildWarning, ...]]:
    """Every ``--cache-to``; a tag in one gives a warning.

    Raises:
        UsageError: One names a kind of cache or a setting that there is not.
    """
    return _read(values, "cache-to", "dest", place)


def cache_place(text: str, source: str, place: Place) -> tuple[CachePlace, str]:
    """A repository, or ``oci:DIRECTORY``; and the tag that was given with it, or empty.

    Raises:
        UsageError: It is neither.
    """
    if text.startswith(_DIRECTORY):
        return _directory(text.removeprefix(_DIRECTORY), f"{source} {text}", place), ""
    return _repository(text)


def _read(
    values: Values, option: str, directory_key: str, place: Place
) -> tuple[tuple[CachePlace, ...], tuple[BuildWarning, ...]]:
    source = values.source(option)
    found: list[CachePlace] = []
    warnings: list[BuildWarning] = []
    for text in values.many(option):
        one, tag = _one(text, source, directory_key, place)
        found.append(one)
        if tag:
            message = (
                f"{source} {text}: the tag is not used, steps are kept in {one} under tags of"
                " their own"
            )
            warnings.append(BuildWarning("CacheTagUnused", message))
    return tuple(dict.fromkeys(found)), tuple(warnings)


def _one(text: str, source: str, directory_key: str, place: Place) -> tuple[CachePlace, str]:
    if "=" not in text or text.startswith(_DIRECTORY):
        return cache_place(text, source, place)
    keys = dict(fields(text, source))
    kind = keys.pop("type", "")
    if kind in _REFUSED:
        raise UsageError(f"{source} {text}: {_REFUSED[kind]}", hint=_ELSEWHERE)
    wanted = {"registry": "ref", "local": directory_key}.get(kind)
    if wanted is None:
        raise UsageError(f"{source} {text}: the type is not registry or local", hint=_ELSEWHERE)
    where = keys.pop(wanted, "")
    for key, value in keys.items():
        if value not in _ANYWAY.get(key, ()):
            raise UsageError(f"{source} {text}: {key}={value} is not supported yet")
    if not where:
        raise UsageError(f"{source} {text}: {wanted}= is missing")
    if kind == "local":
        return _directory(where, f"{source} {text}", place), ""
    return _repository(where)


def _repository(text: str) -> tuple[Repository, str]:
    reference = Reference.parse(text)
    tag = reference.digest or reference.tag or ""
    return reference.repository, "" if tag == "latest" else tag


def _directory(text: str, given: str, place: Place) -> Path:
    if not text:
        raise UsageError(f"{given}: the directory is missing")
    path = place.path(text)
    if path.exists() and not path.is_dir():
        raise UsageError(f"{given}: {path} is not a directory")
    return path
