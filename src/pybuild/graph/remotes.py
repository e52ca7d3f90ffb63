"""What is asked of the sources of an ADD that are not on this machine.

BuildKit's rules (``dfgitutil.ParseGitRef``, ``convert_copy.go``).
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from pybuild.dockerfile.source import Problem
from pybuild.ports import RemoteSource

_SCHEME = re.compile(r"([a-zA-Z0-9]+)://")
_SCP = re.compile(r"[a-zA-Z0-9_-]+@[a-zA-Z0-9.-]+:[^?#]*(?:\?(?P<query>[^#]*))?(?:#.*)?")
_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]+")  # opencontainers/go-digest
_HEX_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
_SWITCHES = {"true": True, "1": True, "false": False, "0": False, "": True}

_VALUES = frozenset({"ref", "tag", "branch", "subdir", "checksum", "commit"})
_GIT_SWITCHES = frozenset({"keep-git-dir", "submodules", "fetch-by-commit"})
_QUERY = _VALUES | _GIT_SWITCHES | {"mtime"}


def http_source(url: str, checksum: str) -> RemoteSource:
    """A file behind a URL.

    Raises:
        Problem: The checksum is no digest.
    """
    if checksum:
        _check_digest(checksum)
    return RemoteSource(url, checksum)


def git_source(url: str, checksum: str, keep_git_dir: bool | None) -> RemoteSource:
    """A git tree; what the URL's query says and what the flags say must agree.

    Raises:
        Problem: They do not, or the query asks for something unknown.
    """
    query = _query(url)
    asked = query.get("checksum") or query.get("commit") or ""
    if checksum and asked and checksum != asked:
        raise Problem(f'checksum mismatch "{checksum}" != "{asked}"')
    keep = _switch("keep-git-dir", query["keep-git-dir"]) if "keep-git-dir" in query else None
    if keep is not None and keep_git_dir is not None and keep != keep_git_dir:
        raise Problem("inconsistent keep-git-dir configuration")
    return RemoteSource(url, asked or checksum, bool(keep_git_dir if keep is None else keep))


def _query(url: str) -> dict[str, str]:
    """The query's keys, each once.

    Raises:
        Problem: A key is unknown, stands twice or lacks its value, or two name different refs.
    """
    scp = None if _SCHEME.match(url) else _SCP.fullmatch(url)
    try:
        text = scp["query"] or "" if scp else urlsplit(url).query
    except ValueError as error:
        raise Problem(f"{url} is not a URL: {error}") from None
    found: dict[str, str] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        if key not in _QUERY:
            raise Problem(f'unexpected query "{key}"')
        if key in found:
            raise Problem(f'query "{key}" has multiple values')
        if not value and key not in _GIT_SWITCHES:
            raise Problem(f'query "{key}" has no value')
        found[key] = value
    for key in _GIT_SWITCHES & found.keys():
        _switch(key, found[key])
    if "tag" in found and "branch" in found:
        raise Problem("branch conflicts with tag")
    return found


def _switch(key: str, value: str) -> bool:
    if value.lower() not in _SWITCHES:
        raise Problem(f'invalid {key} value: "{value}"')
    return _SWITCHES[value.lower()]


def _check_digest(checksum: str) -> None:
    algorithm, _, digits = checksum.partition(":")
    hint = "write it as sha256: and 64 hexadecimal digits"
    if not _DIGEST.fullmatch(checksum):
        raise Problem("invalid checksum digest format", hint=hint)
    if algorithm not in _HEX_DIGITS:
        raise Problem("unsupported digest algorithm", hint=hint)
    if len(digits) != _HEX_DIGITS[algorithm]:
        raise Problem("invalid checksum digest length", hint=hint)
    if digits != digits.lower():
        raise Problem("invalid checksum digest format", hint=hint)
