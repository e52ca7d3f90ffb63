"""What git's messages mean for the user; git's words are quoted masked and cut to one line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pybuild.context.git_address import GitAddress
from pybuild.errors import ContextError
from pybuild.masking import Masker

_QUOTED = re.compile(r"(?:fatal|error|remote|ssh|ERROR): .*")
_LONGEST_QUOTE = 300
_TOKEN_WAY = "give a token with the git-token option, and git-user where the host wants one"  # noqa: S105 - says how, holds none


@dataclass(frozen=True, slots=True)
class _Cause:
    """One line of the table.

    Attributes:
        pattern: Found in git's messages (LC_ALL=C), upper and lower case alike.
        message: Follows "cannot fetch the git repository URL: ".
        hint: For a fetch without a token.
        hint_with_token: Where it differs.
    """

    pattern: str
    message: str
    hint: str
    hint_with_token: str = ""


# First match wins. Texts of git 2.30 to 2.51 (remote-curl.c, http.c, connect.c, upload-pack.c), of
# libcurl, and of OpenSSH; GitHub and GitLab answer 401 for a private repository and a missing one.
_CAUSES = (
    _Cause(
        r"could not read (username|password)|authentication failed|returned error: 401",
        "it wants credentials",
        _TOKEN_WAY + "; a repository that does not exist can look the same",
        "the host refused the token: check that it is valid, may read this repository, and"
        " belongs to the git-user",
    ),
    _Cause(
        r"returned error: 403|access denied|403 forbidden",
        "access was refused",
        _TOKEN_WAY,
        "let the token read this repository's contents",
    ),
    _Cause(
        r"could not resolve host(name)?|name or service not known",
        "its host name is not known here",
        "check the host, the network of this job, and its proxy settings",
    ),
    _Cause(
        r"failed to connect|connection refused|timed out|couldn't connect|connection reset"
        r"|no route to host|network is unreachable|operation too slow",
        "its host cannot be reached",
        "check the host and port, the network of this job, and its proxy settings",
    ),
    _Cause(
        r"ssl certificate problem|certificate verification failed|ssl peer certificate",
        "its TLS certificate is not trusted",
        "add the authority's certificate to the file that GIT_SSL_CAINFO names",
    ),
    _Cause(
        r"unable to update url base from redirection|returned error: 30[1278]",
        "it redirects to another address",
        "give the repository's new address",
    ),
    _Cause(
        r"permission denied \(publickey|no such identity",
        "its host refused the ssh key",
        "let an agent or a key file of this job's user hold a key that may read the repository",
    ),
    _Cause(
        r"host key verification failed",
        "its ssh host key is not known",
        "add the host to known_hosts (ssh-keyscan)",
    ),
    _Cause(
        r"no space left on device",
        "the disk is full",
        "free space below the state directory",
    ),
    _Cause(
        r"repository .*not found|returned error: 404|does not appear to be a git repository"
        r"|not valid: is this a git repository",
        "there is no such repository",
        "check the address; a private repository can look the same without a token",
        "check the address, and that the token may see the repository",
    ),
)

REF_MISSING = re.compile(r"couldn't find remote ref|could not find remote ref", re.IGNORECASE)
COMMIT_REFUSED = re.compile(r"unadvertised object|not our ref", re.IGNORECASE)


def explain(address: GitAddress, output: str, masker: Masker, *, with_token: bool) -> ContextError:
    """The error for a failed fetch, from what git printed."""
    subject = f"cannot fetch the git repository {address.url}"
    for cause in _CAUSES:
        if re.search(cause.pattern, output, re.IGNORECASE):
            hint = (cause.hint_with_token if with_token else "") or cause.hint
            return ContextError(f"{subject}: {cause.message}", hint=hint)
    return ContextError(f"{subject}: {last_line(output, masker)}")


def last_line(output: str, masker: Masker) -> str:
    """The last line of git's output that says something, masked and of bounded length."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if _QUOTED.match(line)] or lines or ["git gave no reason"]
    line = "".join(char if char.isprintable() else " " for char in telling[-1])
    return masker.mask(line)[:_LONGEST_QUOTE]
