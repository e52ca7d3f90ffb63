"""The forms a git repository is written in: text → where to fetch, what, and as whom."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

from pybuild.context.git_query import Wanted, check_ref, is_commit
from pybuild.errors import ContextError

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_SCP = re.compile(
    r"(?P<user>[^@:/]+)@(?P<host>[^:/]+):(?P<path>[^#?]+)(\?(?P<query>[^#]*))?(#(?P<fragment>.*))?"
)
_CONTROL = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class GitAddress:
    """A repository and what to take from it.

    Attributes:
        url: What git is given; never holds a credential.
        origin: ``scheme://host[:port]`` for http and https, else empty.
        ref: A branch, tag, full ref or commit; empty is the remote's HEAD.
        commit: The commit that is checked out whatever ref says now, or empty.
        subdir: The directory of the repository that is meant; empty is its root.
        user: From the URL, or empty.
        token: From the URL, or empty.
        checksum: What the commit's id must begin with, or empty.
        keep_git_dir: Whether ``.git`` is kept; None where the URL does not say.
        submodules: Whether submodules are fetched.
    """

    url: str
    origin: str = ""
    ref: str = ""
    commit: str = ""
    subdir: str = ""
    user: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    checksum: str = ""
    keep_git_dir: bool | None = None
    submodules: bool = True

    @property
    def host(self) -> str:
        """The host of an http or https URL without its port, in lower case."""
        return (urlsplit(self.origin).hostname or "") if self.origin else ""

    @property
    def scheme(self) -> str:
        """The transport, as git names it."""
        return self.url.partition("://")[0] if "://" in self.url else "ssh"


def parse_git_address(text: str, *, pull_http: bool = False) -> GitAddress:
    """Read a git context, in Docker's form or in Kaniko's, whose scheme is ``git``.

    ::

        git://[user[:password]@|token@]host/path[#ref[#commit]]      fetched over https
        http[s]://[user[:password]@|token@]host/path.git[?query][#ref[:subdir]]
        ssh://[user@]host/path[?query][#ref[:subdir]]
        user@host:path[?query][#ref[:subdir]]

    Args:
        text: As the user gave it; never quoted in errors, since it may hold a token.
        pull_http: ``git://`` means http rather than https.

    Raises:
        ContextError: It is not of these forms, or could be mistaken for an option.
    """
    if not text.startswith("git://"):
        return parse_git_source(text)
    address, _, fragment = text.partition("#")
    scheme = "http" if pull_http else "https"
    ref, _, commit = fragment.partition("#")
    found = parse_git_source(address.replace("git", scheme, 1))
    return replace(found, ref=check_ref(ref) or found.ref, commit=_full_commit(commit))


def parse_git_source(text: str) -> GitAddress:
    """Read a git source of ADD or of a named context: Docker's forms, ``git://`` as git means it.

    Raises:
        ContextError: It is not of these forms, or could be mistaken for an option.
    """
    if _CONTROL.search(text) or text.startswith("-"):
        raise _refused("holds spaces or control characters, or begins with a dash")
    scp = _SCP.fullmatch(text)
    if scp and "://" not in text:
        return _scp_like(scp)
    return _url(text)


def _scp_like(match: re.Match[str]) -> GitAddress:
    user, host, path = match["user"], match["host"], match["path"]
    if not (_USER.fullmatch(user) and _HOST.fullmatch(host)) or path.startswith(("-", ":")):
        raise _refused("is not of the form git@host:path")
    wanted = Wanted.parse(match["fragment"] or "", match["query"] or "")
    return _address(f"{user}@{host}:{path}", wanted)


def _url(text: str) -> GitAddress:
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
    wanted = Wanted.parse(fragment, parts.query)
    match parts.scheme:
        case "ssh":
            return _ssh(userinfo, host + port + parts.path, wanted)
        case "git" if not userinfo:
            return _address(f"git://{host}{port}{parts.path}", wanted)
        case "http" | "https":
            return _http(f"{parts.scheme}://{host}{port}", userinfo, parts.path, wanted)
        case _:
            raise _refused("is not of the form scheme://host/path")


def _ssh(userinfo: str, rest: str, wanted: Wanted) -> GitAddress:
    if userinfo and not _USER.fullmatch(userinfo):
        raise _refused("has a user that ssh cannot take; a password cannot be given for ssh")
    return _address(f"ssh://{userinfo}@{rest}" if userinfo else f"ssh://{rest}", wanted)


def _http(origin: str, userinfo: str, path: str, wanted: Wanted) -> GitAddress:
    user, separator, password = (unquote(part) for part in userinfo.partition(":"))
    if not separator or not password:  # a lone token stands where the user would
        user, password = "", user
    return _address(origin + path, wanted, origin=origin, user=user, token=password)


def _address(
    url: str, wanted: Wanted, *, origin: str = "", user: str = "", token: str = ""
) -> GitAddress:
    return GitAddress(
        url=url,
        origin=origin,
        ref=wanted.ref,
        subdir=wanted.subdir,
        user=user,
        token=token,
        checksum=wanted.checksum,
        keep_git_dir=wanted.keep_git_dir,
        submodules=wanted.submodules,
    )


def _full_commit(text: str) -> str:
    commit = text.lower()
    if commit and not is_commit(commit):
        raise ContextError(
            f"{commit[:80]!r} is not a full git commit id",
            hint="give all 40 (or 64) hexadecimal digits of the commit",
        )
    return commit


def _refused(why: str) -> ContextError:
    return ContextError(
        f"the address of the git repository {why}",
        hint="write https://host/repo.git#ref:directory, git://host/repo.git#ref#commit or"
        " git@host:repo.git#ref:directory; give the token by its own option",
    )
