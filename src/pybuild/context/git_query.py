"""What to take from a git repository: the fragment and the query of its URL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from pybuild.errors import ContextError

# git-check-ref-format(1); a leading dash could be taken for an option
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|^[-/]|//|[/.]$|\.lock$")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_CHECKSUM = re.compile(r"[0-9a-f]{4,64}")  # git-config(1), core.abbrev: four digits at least
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})  # Go's strconv.ParseBool
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})

_HINT = (
    "write https://host/repo.git#ref:directory or https://host/repo.git?ref=…&subdir=…; keys are"
    " ref, tag, branch, subdir, checksum, keep-git-dir and submodules"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to take from a repository.

    Attributes:
        ref: A branch, tag, full ref or commit; empty is the remote's HEAD.
        subdir: The directory of the repository that is meant; empty is its root.
        checksum: What the commit's id must begin with, or empty.
        keep_git_dir: Whether ``.git`` is kept; None where nothing is said.
        submodules: Whether submodules are fetched.
    """

    ref: str = ""
    subdir: str = ""
    checksum: str = ""
    keep_git_dir: bool | None = None
    submodules: bool = True

    @classmethod
    def parse(cls, fragment: str, query: str) -> Wanted:
        """Read ``[ref][:subdir]`` behind ``#`` and ``key=value&…`` behind ``?`` (dfgitutil).

        Raises:
            ContextError: A key is unknown, comes twice or has a bad value, or both contradict
                each other.
        """
        ref, _, subdir = fragment.partition(":")
        wanted = cls(ref=check_ref(ref), subdir=subdir)
        values = _values(query)
        for key, value in values.items():
            if key not in _KEYS:
                raise _wrong(f"has the unknown key {key[:40]!r}")
            wanted = _KEYS[key](wanted, key, value)
        if "tag" in values and "branch" in values:
            raise _wrong("asks for a branch and for a tag")
        if is_commit(wanted.checksum) and not wanted.ref:
            return replace(wanted, ref=wanted.checksum)
        return wanted


def is_commit(ref: str) -> bool:
    """Whether ref is a full commit id, SHA-1 or SHA-256."""
    return bool(_COMMIT.fullmatch(ref))


def check_ref(ref: str) -> str:
    """A ref as it may be handed to git.

    Raises:
        ContextError: It is not a name that git allows.
    """
    if _BAD_REF.search(ref):
        raise ContextError(f"{ref[:80]!r} is not a git branch, tag or commit", hint=_HINT)
    return ref


def check_checksum(text: str) -> str:
    """The beginning of a commit's id, in lower case.

    Raises:
        ContextError: It is not that.
    """
    if not _CHECKSUM.fullmatch(text.lower()):
        raise ContextError(
            f"invalid checksum {text[:80]!r} of a git repository: expected hex commit hash",
            hint="give the commit's id, or its first digits",
        )
    return text.lower()


def _values(query: str) -> Mapping[str, str]:
    values: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key in values:
            raise _wrong(f"has {key[:40]!r} twice")
        if not value and key in _KEYS and key not in _FLAGS:
            raise _wrong(f"has no value for {key[:40]!r}")
        values[key] = value
    return values


def _with_ref(wanted: Wanted, ref: str) -> Wanted:
    if wanted.ref and wanted.ref != ref:
        raise _wrong(f"asks for {wanted.ref!r} and for {ref[:80]!r}")
    return replace(wanted, ref=check_ref(ref))


def _ref(wanted: Wanted, _key: str, value: str) -> Wanted:
    return _with_ref(wanted, value)


def _tag(wanted: Wanted, _key: str, value: str) -> Wanted:
    return _with_ref(wanted, "refs/tags/" + value.removeprefix("refs/tags/"))


def _branch(wanted: Wanted, _key: str, value: str) -> Wanted:
    return _with_ref(wanted, "refs/heads/" + value.removeprefix("refs/heads/"))


def _subdir(wanted: Wanted, _key: str, value: str) -> Wanted:
    if wanted.subdir and wanted.subdir != value:
        raise _wrong(f"asks for the directory {wanted.subdir!r} and for {value[:80]!r}")
    return replace(wanted, subdir=value)


def _checksum(wanted: Wanted, _key: str, value: str) -> Wanted:
    if wanted.checksum and wanted.checksum != value.lower():
        raise _wrong("names two commits")
    return replace(wanted, checksum=check_checksum(value))


def _keep_git_dir(wanted: Wanted, key: str, value: str) -> Wanted:
    return replace(wanted, keep_git_dir=_flag(key, value))


def _submodules(wanted: Wanted, key: str, value: str) -> Wanted:
    return replace(wanted, submodules=_flag(key, value))


def _by_commit(wanted: Wanted, key: str, value: str) -> Wanted:
    _flag(key, value)  # a commit is fetched by its id where the host lets that be, always
    return wanted


def _mtime(wanted: Wanted, _key: str, value: str) -> Wanted:
    if value != "commit":  # files have the commit's time here, always
        raise _wrong(f"asks for mtime={value[:40]}; the commit's time is the only one there is")
    return wanted


def _flag(key: str, value: str) -> bool:
    if not value or value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise _wrong(f"has {value[:40]!r} for {key}, which is true or false")


_KEYS: Mapping[str, Callable[[Wanted, str, str], Wanted]] = {
    "ref": _ref,
    "tag": _tag,
    "branch": _branch,
    "subdir": _subdir,
    "checksum": _checksum,
    "commit": _checksum,
    "keep-git-dir": _keep_git_dir,
    "submodules": _submodules,
    "fetch-by-commit": _by_commit,
    "mtime": _mtime,
}
_FLAGS = frozenset({"keep-git-dir", "submodules", "fetch-by-commit"})


def _wrong(what: str) -> ContextError:
    return ContextError(f"the URL of the git repository {what}", hint=_HINT)
