"""Flags of Kaniko that say in one word what several of our options say, or the reverse."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from pybuild.errors import UsageError
from pybuild.settings.values import Given, truth

_GIT_WITHOUT_EFFECT = frozenset({"single-branch", "depth"})  # one ref, shallow: what we do anyway
_LEVEL = re.compile(r"-?[0-9]{1,3}", re.ASCII)


def read_own(
    own: Mapping[str, Sequence[str]], layer: Mapping[str, Given], notes: list[str]
) -> dict[str, Given]:
    """Values of our options.

    Args:
        own: The flags' values, in order.
        layer: What the other flags give.
        notes: Gets what to tell those who ask for details.

    Raises:
        UsageError: A value is not of its form.
    """
    last = {name: values[-1] for name, values in own.items()}
    result: dict[str, Given] = {}
    if "no-push" in last:
        pushes = not truth(last["no-push"], "--no-push")
        result["push"] = Given((str(pushes).lower(),), "--no-push")
    result.update(_outputs(last))
    result.update(_cache(last, layer))
    result.update(_level(last.get("compression-level", "")))
    result.update(_log_format(last.get("log-format", ""), notes))
    result.update(_git(own.get("git", ()), notes))
    return result


def _outputs(last: Mapping[str, str]) -> dict[str, Given]:
    kinds = {"tar-path": "type=docker", "oci-layout-path": "type=oci,tar=false"}
    given = [name for name in kinds if last.get(name)]
    texts = []
    for name in given:
        quoted = last[name].replace('"', '""')
        texts.append(f'{kinds[name]},"dest={quoted}"')
    source = " and ".join(f"--{name}" for name in given)
    return {"output": Given(tuple(texts), source)} if texts else {}


def _cache(last: Mapping[str, str], layer: Mapping[str, Given]) -> dict[str, Given]:
    if not truth(last.get("cache", "false"), "--cache"):
        return {}
    repository = Given((_cache_repository(last, layer),), "--cache-repo")
    if truth(last.get("no-push-cache", "false"), "--no-push-cache"):
        return {"cache-from": repository}
    return {"cache-from": repository, "cache-to": repository}


def _cache_repository(last: Mapping[str, str], layer: Mapping[str, Given]) -> str:
    repository = last.get("cache-repo", "")
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


def _level(text: str) -> dict[str, Given]:
    """Kaniko takes only levels above 0 to be one; -1 is its default."""
    if not text:
        return {}
    if not _LEVEL.fullmatch(text):
        raise UsageError(f"--compression-level: {text!r} is not a whole number")
    if int(text) <= 0:
        return {}
    return {"compression-level": Given((text,), "--compression-level")}


def _log_format(text: str, notes: list[str]) -> dict[str, Given]:
    if text == "json":
        return {"progress": Given(("rawjson",), "--log-format")}
    if text:
        notes.append("--log-format changes nothing here: the log for people has one form")
    return {}


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
