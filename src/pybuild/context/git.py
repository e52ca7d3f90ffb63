"""A git repository as the context: one ref, shallow, with its submodules, without its ``.git``."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

from pybuild.context.git_address import GitAddress, parse_git_address, parse_git_source
from pybuild.context.git_program import basic_header
from pybuild.context.git_query import check_ref
from pybuild.context.git_remote import Checkout, Found, GitRemote
from pybuild.context.git_submodules import check_out_submodules
from pybuild.context.inside import directory_below, new_tree
from pybuild.context.secrets import RemoteSecrets
from pybuild.errors import ContextError
from pybuild.events import BuildWarning, Emit, ignore
from pybuild.ports import FetchedContext
from pybuild.request import GitOptions

_GITHUB_USER = "x-access-token"  # GitHub: any name does for a token, this one for an App's too
_ANY_USER = "oauth2"  # GitLab, Gitea: the name that goes with an access token
_NO_SECRETS = RemoteSecrets()


@dataclass(frozen=True, slots=True)
class GitRepository:
    """A repository, what to take from it, and the credentials for its host.

    A token is sent by http and https to the repository's own host only; for ssh the keys of the
    job's user count. Files carry the time of the checkout, not of the commit.
    """

    address: GitAddress
    user: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    sub_path: str = ""
    emit: Emit = ignore
    secrets: RemoteSecrets = _NO_SECRETS
    agent: Path | None = None

    @classmethod
    def parse(
        cls,
        text: str,
        options: GitOptions,
        sub_path: str = "",
        emit: Emit = ignore,
        secrets: RemoteSecrets = _NO_SECRETS,
    ) -> GitRepository:
        """Read a git context and its options.

        Args:
            text: In Docker's form or in Kaniko's.
            options: A token or a branch of theirs wins.
            sub_path: A directory below the one that text names.
            emit: Gets warnings.
            secrets: ``GIT_AUTH_TOKEN`` and its like count where no token is given.

        Raises:
            ContextError: text is not a git address, or contradicts the options.
        """
        address = parse_git_address(text, pull_http=options.pull_http)
        return cls(
            address=_with_branch(address, options.branch),
            user=options.user or ("" if options.token else address.user),
            token=options.token or address.token,
            sub_path=sub_path,
            emit=emit,
            secrets=secrets,
        )

    @classmethod
    def source(
        cls,
        text: str,
        secrets: RemoteSecrets,
        emit: Emit = ignore,
        agent: Path | None = None,
    ) -> GitRepository:
        """Read a git source of ADD or of a named context, in Docker's form.

        Raises:
            ContextError: text is not a git address.
        """
        address = parse_git_source(text)
        return cls(address, address.user, address.token, emit=emit, secrets=secrets, agent=agent)

    def find(self, into: Path) -> Found:
        """What the ref means now; into is an empty directory, and stays so.

        Raises:
            ContextError: It cannot be known.
        """
        return self._remote().find(into)

    def fetch(self, into: Path, found: Found | None = None) -> FetchedContext:
        """Fetch and check out; into gets one directory, the work tree.

        Args:
            into: An empty directory.
            found: What ``find`` gave; None is what the address says.

        Raises:
            ContextError: The repository, the ref or the sub-directory cannot be had.
        """
        work_tree = new_tree(into)
        repositories = into.resolve() / "git"
        keep = bool(self.address.keep_git_dir)
        numbers = itertools.count()

        def repository_of(work_tree: Path) -> Path:
            return work_tree / ".git" if keep else repositories / str(next(numbers))

        repositories.mkdir()
        remote = self._remote()
        checkout = Checkout(remote, remote.program(repository_of(work_tree), work_tree))
        try:
            commit, time_s = checkout.run(found)
            if self.address.submodules:
                check_out_submodules(checkout, repository_of, self._warn)
            if keep:
                checkout.keep(found or Found(commit))
        finally:
            shutil.rmtree(repositories, ignore_errors=True)
        root = directory_below(work_tree, self.address.subdir)
        if keep and root != work_tree:
            self._warn(".git lies at the repository's root, not in the directory that is taken")
        return FetchedContext(directory_below(root, self.sub_path), True, commit, time_s)

    def _remote(self) -> GitRemote:
        headers = dict(self.secrets.git_headers(self.address.origin))
        if self.token and self.address.origin:
            is_github = {"github", "ghe"} & set(self.address.host.split("."))
            user = self.user or (_GITHUB_USER if is_github else _ANY_USER)
            headers[self.address.origin] = basic_header(user, self.token)
        return GitRemote(self.address, tuple(headers.items()), self.agent)

    def _warn(self, message: str) -> None:
        self.emit(BuildWarning("GitSource", f"the git repository {self.address.url}: {message}"))


def _with_branch(address: GitAddress, branch: str) -> GitAddress:
    if not branch:
        return address
    if address.commit:
        raise ContextError(
            f"the git context names the commit {address.commit}, and the git branch {branch} is"
            " given too",
            hint="leave one of them out",
        )
    return replace(address, ref=check_ref(branch))
