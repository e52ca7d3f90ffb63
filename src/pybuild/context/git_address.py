"""The forms a git context is written in: text → where to fetch, what, and as whom."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from pybuild.errors import ContextError

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_SCP = re.compile(r"(?P<user>[^@:/]+)@(?P<host>[^:/]+):(?P<path>[^#]+)(#(?P<fragment>.*))?")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# git-check-ref-format(1); a leading dash could be taken for an option
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|^[-/]|//|[/.]$|\.lock$")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class GitAddress:
    """A repository and what to take from it.

    Attributes:
        url: What git is given; never holds a credential.
        origin: ``scheme://host[:port]`` for http and https, else empty.
        ref: A branch, tag, full ref or commit; empty is the remote's HEAD.
        commit: The commit that is checked out whatever ref says now, or empty.
        subdir: The directory of the repository that is the context; empty is its root.
        user: From the URL, or empty.
        token: From the URL, or empty.
    """

    url: str
    origin: str = ""
    ref: str = ""
    commit: str = ""
    subdir: str = ""
    user: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        """The host of an http or https URL without its port, in lower case."""
        return (urlsplit(self.origin).hostname or "") if self.origin else ""


def parse_git_address(text: str, *, pull_http: bool = False) -> GitAddress:
    """Read a git context.

    ::

        git://[user[:password]@|token@]host/path[#ref[#commit]]      fetched over https
        http[s]://[user[:password]@|token@]host/path.git[#ref[:subdir]]
        ssh://[user@]host/path[#ref[:subdir]]      user@host:path[#ref[:subdir]]

    Args:
        text: As the user gave it; never quoted in errors, since it may hold a token.
        pull_http: ``git://`` means http rather than https.

    Raises:
        ContextError: It is not of these forms, or could be mistaken for an option.
    """
    if _CONTROL.search(text) or text.startswith("-"):
        raise _refused("holds spaces or control characters, or begins with a dash")
    scp = _SCP.fullmatch(text)
    if scp and "://" not in text:
        return _scp_like(scp)
    return _url(text, pull_http=pull_http)


def is_commit(ref: str) -> bool:
    """Whether ref is a full commit id, SHA-1 or SHA-256."""
    return bool(_COMMIT.fullmatch(ref))


def check_ref(ref: str) -> str:
    """A ref as it may be handed to git.

    Raises:
        ContextError: It is not a name that git allows.
    """
    if _BAD_REF.search(ref):
        raise ContextError(
            f"{ref[:80]!r} is not a git branch, tag or commit",
            hint="write git://host/repo.git#ref#commit or https://host/repo.git#ref:directory",
        )
    return ref


def _scp_like(match: re.Match[str]) -> GitAddress:
    user, host, path = match["user"], match["host"], match["path"]
    if not (_USER.fullmatch(user) and _HOST.fullmatch(host)) or path.startswith(("-", ":")):
        raise _refused("is not of the form git@host:path")
    ref, subdir = _docker_fragment(match["fragment"] or "")
    return GitAddress(url=f"{user}@{host}:{path}", ref=ref, subdir=subdir)


def _url(text: str, *, pull_http: bool) -> GitAddress:
    address, _, fragment = text.partition("#")
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError as error:
        raise _refused("is not a URL") from error
    userinfo, _, host = parts.netloc.rpartition("@")
    host = host.removesuffix(port)
    if not _HOST.fullmatch(host) or "::" in parts.path or parts.path in {"", "/"}:
        raise _refused("is not of the form scheme://host/path")
    if parts.query:
        raise ContextError(
            "a query in the URL of a git context is not supported yet",
            hint="write #ref:directory behind the URL",
        )
    if parts.scheme == "ssh":
        return _ssh(userinfo, host + port + parts.path, fragment)
    return _http(parts.scheme, userinfo, host + port, parts.path, fragment, pull_http=pull_http)


def _ssh(userinfo: str, rest: str, fragment: str) -> GitAddress:
    if userinfo and not _USER.fullmatch(userinfo):
        raise _refused("has a user that ssh cannot take; a password cannot be given for ssh")
    ref, subdir = _docker_fragment(fragment)
    user = userinfo + "@" if userinfo else ""
    return GitAddress(url=f"ssh://{user}{rest}", ref=ref, subdir=subdir)


def _http(
    scheme: str, userinfo: str, host: str, path: str, fragment: str, *, pull_http: bool
) -> GitAddress:
    ref, commit, subdir = "", "", ""
    if scheme == "git":
        scheme = "http" if pull_http else "https"
        ref, commit = _kaniko_fragment(fragment)
    else:
        ref, subdir = _docker_fragment(fragment)
    user, separator, password = (unquote(part) for part in userinfo.partition(":"))
    if not separator or not password:  # a lone token stands where the user would
        user, password = "", user
    origin = f"{scheme}://{host}"
    return GitAddress(origin + path, origin, ref, commit, subdir, user, password)


def _docker_fragment(fragment: str) -> tuple[str, str]:
    """``[ref][:subdir]``."""
    ref, _, subdir = fragment.partition(":")
    return check_ref(ref), subdir


def _kaniko_fragment(fragment: str) -> tuple[str, str]:
    """``[ref][#commit]``."""
    ref, _, commit = fragment.partition("#")
    commit = commit.lower()
    if commit and not is_commit(commit):
        raise ContextError(
            f"{commit[:80]!r} is not a full git commit id",
            hint="give all 40 (or 64) hexadecimal digits of the commit",
        )
    return check_ref(ref), commit


def _refused(why: str) -> ContextError:
    return ContextError(
        f"the git context {why}",
        hint="write https://host/repo.git#ref:directory, git://host/repo.git#ref#commit or"
        " git@host:repo.git#ref:directory; give the token by its own option",
    )
