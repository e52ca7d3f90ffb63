"""Starting git so that nothing but our own settings decides what it does."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pybuild.errors import ContextError

# Every setting is given in the environment of git, where it has the precedence of the command
# line (git-config(1), "GIT_CONFIG_COUNT") but, unlike that, cannot be read by other users.
_SETTINGS = (
    ("safe.directory", "*"),
    ("core.hooksPath", "/dev/null"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.autocrlf", "false"),
    ("core.askPass", ""),
    ("core.sshCommand", "ssh -o BatchMode=yes"),  # the user's GIT_SSH_COMMAND still wins
    ("credential.helper", ""),
    ("protocol.allow", "never"),
    ("protocol.ext.allow", "never"),
    ("protocol.file.allow", "never"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.fsckObjects", "false"),  # old, harmless defects in real histories would end builds
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("advice.detachedHead", "false"),
    ("http.lowSpeedLimit", "100"),  # bytes a second …
    ("http.lowSpeedTime", "120"),  # … for so many seconds is a dead connection
)
_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_PARAMETERS": "",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_TRACE_REDACT": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
}
_UMASK = 0o022  # modes in the image must not depend on the job's own, as in BuildKit


@dataclass(frozen=True, slots=True)
class GitOutcome:
    """How a git command ended, and what it printed on each stream; not masked."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class GitProgram:
    """git, for one repository, one work tree and one remote.

    Attributes:
        repository: The git directory.
        work_tree: Where files are checked out.
        protocols: The transports that may be used, redirects included.
        headers: Whole HTTP headers with credentials, each by the ``scheme://host`` that gets it.
        agent: The socket of an ssh agent; None is the job's own.
    """

    repository: Path
    work_tree: Path
    protocols: Sequence[str]
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    agent: Path | None = None

    def run(self, *arguments: str) -> GitOutcome:
        """Run a git command to its end.

        Raises:
            ContextError: There is no git here.
        """
        try:
            import git  # noqa: PLC0415 - it costs 0.1 s, and needs the git program
        except ImportError as error:
            raise _no_git() from error
        argv = [git.Git.GIT_PYTHON_GIT_EXECUTABLE or "git", *arguments]
        try:
            status, stdout, stderr = git.Git(self.work_tree).execute(
                argv,
                env=self._environment(),
                with_extended_output=True,
                with_exceptions=False,
                umask=_UMASK,
            )
        except git.GitCommandNotFound as error:
            raise _no_git() from error
        return GitOutcome(int(status), _text(stdout), _text(stderr))

    def _environment(self) -> Mapping[str, str]:
        settings = list(_SETTINGS)
        settings += [(f"protocol.{one}.allow", "always") for one in self.protocols]
        for origin, header in self.headers:
            settings.append((f"http.{origin}/.extraHeader", header))
            # git sends extraHeader with its POST to the host that a redirect has named
            settings.append((f"http.{origin}/.followRedirects", "false"))
        environment = {
            **_ENVIRONMENT,
            "GIT_DIR": str(self.repository),
            "GIT_WORK_TREE": str(self.work_tree),
            "GIT_INDEX_FILE": str(self.repository / "index"),
            "GIT_OBJECT_DIRECTORY": str(self.repository / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
            "GIT_ALLOW_PROTOCOL": ":".join(self.protocols),
            "GIT_CONFIG_COUNT": str(len(settings)),
        }
        if self.agent is not None:
            environment["SSH_AUTH_SOCK"] = str(self.agent)
        for index, (key, value) in enumerate(settings):
            environment[f"GIT_CONFIG_KEY_{index}"] = key
            environment[f"GIT_CONFIG_VALUE_{index}"] = value
        return environment


def basic_header(user: str, token: str) -> str:
    """The header that carries a user and a token (RFC 7617)."""
    encoded = base64.b64encode(f"{user}:{token}".encode()).decode()
    return f"Authorization: Basic {encoded}"


def _text(output: object) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else str(output or "")


def _no_git() -> ContextError:
    return ContextError(
        "a git repository needs the git program, which is not installed here",
        hint="install git, or give a directory or an archive instead",
    )
