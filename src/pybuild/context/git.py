"""A git repository as the context: one ref, shallow, without its ``.git``."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from pybuild.context.git_address import GitAddress, check_ref, is_commit, parse_git_address
from pybuild.context.git_failure import COMMIT_REFUSED, REF_MISSING, explain
from pybuild.context.git_program import GitOutcome, GitProgram, basic_header
from pybuild.context.inside import directory_below, new_tree
from pybuild.errors import ContextError
from pybuild.events import BuildWarning, Emit, ignore
from pybuild.masking import Masker
from pybuild.ports import FetchedContext
from pybuild.request import GitOptions

_GITHUB_USER = "x-access-token"  # GitHub: any name does for a token, this one for an App's too
_ANY_USER = "oauth2"  # GitLab, Gitea: the name that goes with an access token
# A redirect may lift http to https, never the other way.
_PROTOCOLS = {"http": ("http", "https"), "https": ("https",)}


@dataclass(frozen=True, slots=True)
class GitRepository:
    """A repository, what to take from it, and the credentials for its host.

    A token is sent by http and https to the repository's own host only; for ssh the keys of the
    job's user count. Files carry the time of the checkout, not of the commit.
    """

    address: GitAddress
    user: str = field(repr=False)
    token: str = field(repr=False)
    sub_path: str = ""
    emit: Emit = ignore

    @classmethod
    def parse(
        cls, text: str, options: GitOptions, sub_path: str = "", emit: Emit = ignore
    ) -> GitRepository:
        """Read a git context and its options.

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
        )

    def fetch(self, into: Path) -> FetchedContext:
        """Fetch and check out; into gets one directory, the work tree.

        Raises:
            ContextError: The repository, the ref or the sub-directory cannot be had.
        """
        work_tree = new_tree(into)
        checkout = _Checkout(self, self._program(into.resolve() / "git", work_tree))
        try:
            commit, time_s = checkout.run()
        finally:
            shutil.rmtree(checkout.program.repository, ignore_errors=True)
        self._warn_of_what_is_missing(work_tree)
        root = directory_below(work_tree, self.address.subdir)
        return FetchedContext(directory_below(root, self.sub_path), True, commit, time_s)

    def secrets(self) -> tuple[str, ...]:
        """What must never be printed."""
        header = self._header()
        return tuple(filter(None, (self.token, header.rpartition(" ")[2])))

    def _program(self, repository: Path, work_tree: Path) -> GitProgram:
        scheme = self.address.origin.partition(":")[0]
        return GitProgram(
            repository=repository,
            work_tree=work_tree,
            protocols=_PROTOCOLS.get(scheme, ("ssh",)),
            header_origin=self.address.origin,
            header=self._header(),
        )

    def _header(self) -> str:
        if not (self.token and self.address.origin):
            return ""
        is_github = {"github", "ghe"} & set(self.address.host.split("."))
        user = self.user or (_GITHUB_USER if is_github else _ANY_USER)
        return basic_header(user, self.token)

    def _warn_of_what_is_missing(self, work_tree: Path) -> None:
        if (work_tree / ".gitmodules").is_file():
            self.emit(
                BuildWarning(
                    "GitSubmodulesMissing",
                    "the repository has submodules, which are not fetched yet: their directories"
                    " are empty",
                )
            )


@dataclass(frozen=True, slots=True)
class _Checkout:
    """The commands of one fetch."""

    source: GitRepository
    program: GitProgram

    def run(self) -> tuple[str, int]:
        """Fetch and check out; returns the commit and its committer time in seconds."""
        self._must("init", "--quiet", "--template=")
        commit = self._fetch()
        self._must("checkout", "--quiet", "--force", "--detach", commit)
        time_s = self._must("log", "-1", "--no-show-signature", "--format=%ct", commit).stdout
        return commit, int(time_s)

    def _fetch(self) -> str:
        address = self.source.address
        wanted = address.commit or (address.ref if is_commit(address.ref) else "")
        if wanted:
            return self._fetch_commit(wanted)
        for name in _full_names(address.ref):
            outcome = self._git_fetch("--depth=1", refs=(name,))
            if outcome.status == 0:
                return self._must("rev-parse", "--verify", "FETCH_HEAD^{commit}").stdout.strip()
            if not REF_MISSING.search(outcome.stderr):
                raise self._failed(outcome)
        raise self._no_ref()

    def _fetch_commit(self, wanted: str) -> str:
        """Ask for the one commit, or for all history where the server gives out refs only."""
        outcome = self._git_fetch("--depth=1", refs=(wanted,))
        if outcome.status and COMMIT_REFUSED.search(outcome.stderr):
            outcome = self._git_fetch(
                refs=(
                    "+HEAD:refs/pybuild/head",
                    "+refs/heads/*:refs/pybuild/heads/*",
                    "+refs/tags/*:refs/pybuild/tags/*",
                    *self._extra_refs(),
                )
            )
        if outcome.status:
            raise self._failed(outcome)
        found = self.program.run("rev-parse", "--quiet", "--verify", f"{wanted}^{{commit}}")
        if found.status:
            raise ContextError(
                f"the git repository {self.source.address.url} has no commit {wanted}",
                hint="push the commit, or name the ref that holds it",
            )
        return found.stdout.strip()

    def _extra_refs(self) -> Iterator[str]:
        """A ref that holds the commit, where it is neither a branch nor a tag."""
        ref = self.source.address.ref
        if ref.startswith("refs/") and not ref.startswith(("refs/heads/", "refs/tags/")):
            yield f"+{ref}:refs/pybuild/extra"

    def _git_fetch(self, *options: str, refs: tuple[str, ...]) -> GitOutcome:
        url = self.source.address.url
        return self.program.run(
            "fetch", "--quiet", "--no-tags", "--force", *options, "--", url, *refs
        )

    def _must(self, *arguments: str) -> GitOutcome:
        outcome = self.program.run(*arguments)
        if outcome.status:
            raise self._failed(outcome)
        return outcome

    def _failed(self, outcome: GitOutcome) -> ContextError:
        masker = Masker(self.source.secrets())
        return explain(
            self.source.address,
            outcome.stderr,
            masker,
            with_token=bool(self.program.header),
        )

    def _no_ref(self) -> ContextError:
        ref = self.source.address.ref or "HEAD"
        return ContextError(
            f"the git repository {self.source.address.url} has no branch or tag {ref}",
            hint="a commit is named by all its 40 digits, any other ref as refs/…",
        )


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


def _full_names(ref: str) -> tuple[str, ...]:
    """What a name can mean, in BuildKit's order: a branch wins over a tag."""
    if not ref or ref == "HEAD":
        return ("HEAD",)
    if ref.startswith("refs/"):
        return (ref,)
    return (f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/{ref}")
