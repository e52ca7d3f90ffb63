"""Docker's ``--cache-from`` and ``--cache-to``: what of them can be honoured."""

from __future__ import annotations

from collections.abc import Mapping

from pybuild.errors import UsageError
from pybuild.events import BuildWarning
from pybuild.oci.reference import Reference, Repository
from pybuild.settings.lists import fields

_OTHER_CACHES = frozenset({"local", "inline", "gha", "s3", "azblob"})
_CACHE_KEYS: Mapping[str, frozenset[str]] = {
    "mode": frozenset({"max"}),
    "image-manifest": frozenset({"true"}),
    "oci-mediatypes": frozenset({"true"}),
    "ignore-error": frozenset({"true"}),
}
"""Keys of a registry cache and the values that say what we do anyway."""


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
