"""One git repository on a host: what its refs are, and a commit of it, checked out."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pybuild.context.git_address import GitAddress
from pybuild.context.git_failure import COMMIT_REFUSED, REF_MISSING, explain
from pybuild.context.git_program import GitOutcome, GitProgram
from pybuild.context.git_query import is_commit
from pybuild.errors import ContextError
from pybuild.masking import Masker

# A redirect may lift http to https, never the other way.
_PROTOCOLS = {"http": ("http", "https"), "https": ("https",), "git": ("git",), "ssh": ("ssh",)}
_ADVERTISED = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})\t(\S+)")
_PEELED = "^{}"  # gitprotocol-v2(5): what a tag object points to in the end


@dataclass(frozen=True, slots=True)
class Found:
    """What a ref means now.

    Attributes:
        commit: Its id.
        name: The full ref, or empty where a commit was asked for.
        tag: The id of the tag object, where name is an annotated tag; else empty.
    """

    commit: str
    name: str = ""
    tag: str = ""


@dataclass(frozen=True, slots=True)
class GitRemote:
    """A repository and how to speak to its host.

    Attributes:
        headers: Credentials by the origin they are for; as ``GitProgram`` takes them.
        agent: The socket of an ssh agent; None is the job's own.
    """

    address: GitAddress
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    agent: Path | None = None

    def program(self, repository: Path, work_tree: Path) -> GitProgram:
        """Commands on this repository."""
        return GitProgram(
            repository=repository,
            work_tree=work_tree,
            protocols=_PROTOCOLS.get(self.address.scheme, ("ssh",)),
            headers=self.headers,
            agent=self.agent,
        )

    def find(self, work_tree: Path) -> Found:
        """Ask the host what the ref means, without fetching anything.

        Args:
            work_tree: An empty directory to be in.

        Raises:
            ContextError: The host refuses or has no such ref, or the commit is not the one that
                the checksum names.
        """
        address = self.address
        wanted = address.commit or (address.ref if is_commit(address.ref) else "")
        if wanted:
            return self.checked(Found(wanted))
        names = full_names(address.ref)
        asked = [*names, *(name + _PEELED for name in names if name.startswith("refs/tags/"))]
        program = self.program(work_tree / "none", work_tree)
        outcome = program.run("ls-remote", "--quiet", "--", address.url, *asked)
        if outcome.status:
            raise self.failed(outcome)
        ids = {match[2]: match[1] for match in _ADVERTISED.finditer(outcome.stdout)}
        for name in names:
            if name in ids:
                peeled = ids.get(name + _PEELED)
                found = Found(peeled or ids[name], name, ids[name] if peeled else "")
                return self.checked(found)
        raise self.no_ref()

    def checked(self, found: Found) -> Found:
        """The same, if it is what the checksum says.

        Raises:
            ContextError: It is another commit.
        """
        checksum = self.address.checksum
        if not (found.commit.startswith(checksum) or found.tag.startswith(checksum or " ")):
            raise ContextError(
                f"the git repository {self.address.url} has the commit {found.commit} at"
                f" {found.name or self.address.ref or 'HEAD'}: expected checksum to match"
                f" {checksum}",
                hint="name the commit that is meant as the ref, or correct the checksum",
            )
        return found

    def failed(self, outcome: GitOutcome) -> ContextError:
        """The error for a command that failed."""
        masker = Masker(header.rpartition(" ")[2] for _, header in self.headers)
        masker.add(self.address.token)
        own = dict(self.headers).get(self.address.origin)
        return explain(self.address, outcome.stderr, masker, with_token=bool(own))

    def no_ref(self) -> ContextError:
        """The error for a ref that is not there."""
        return ContextError(
            f"the git repository {self.address.url} has no branch or tag"
            f" {self.address.ref or 'HEAD'}",
            hint="a commit is named by all its 40 digits, any other ref as refs/…",
        )


@dataclass(frozen=True, slots=True)
class Checkout:
    """The commands that bring one commit of a repository into a directory."""

    remote: GitRemote
    program: GitProgram

    def run(self, found: Found | None = None) -> tuple[str, int]:
        """Fetch, shallow, and check out.

        Args:
            found: What to fetch; None is what the address says.

        Returns:
            The commit, and its committer time in seconds.

        Raises:
            ContextError: It cannot be had.
        """
        self._must("init", "--quiet", "--template=", *self._object_format(found))
        commit = self._fetch() if found is None else self._fetch_found(found)
        self.remote.checked(Found(commit, tag=found.tag if found else ""))
        self._must("checkout", "--quiet", "--force", "--detach", commit)
        time_s = self._must("log", "-1", "--no-show-signature", "--format=%ct", commit).stdout
        return commit, int(time_s)

    def keep(self, found: Found) -> None:
        """Make the repository one that can be used where it is: its origin, and its tag."""
        self.program.run("config", "--unset-all", "core.worktree")  # not there in every git
        self._must("config", "remote.origin.url", self.remote.address.url)
        self._must("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
        if found.name.startswith("refs/tags/"):
            self._must("update-ref", found.name, found.tag or found.commit)
        for name in ("FETCH_HEAD", "logs"):
            path = self.program.repository / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def _object_format(self, found: Found | None) -> tuple[str, ...]:
        address = self.remote.address
        commit = found.commit if found else address.commit or address.ref
        sha256 = is_commit(commit) and len(commit) == 64  # noqa: PLR2004 - its hex digits
        return ("--object-format=sha256",) if sha256 else ()

    def _fetch(self) -> str:
        address = self.remote.address
        wanted = address.commit or (address.ref if is_commit(address.ref) else "")
        if wanted:
            return self._fetch_commit(wanted, address.ref)
        for name in full_names(address.ref):
            outcome = self._git_fetch("--depth=1", refs=(name,))
            if outcome.status == 0:
                return self._must("rev-parse", "--verify", "FETCH_HEAD^{commit}").stdout.strip()
            if not REF_MISSING.search(outcome.stderr):
                raise self.remote.failed(outcome)
        raise self.remote.no_ref()

    def _fetch_found(self, found: Found) -> str:
        if found.tag and self._git_fetch("--depth=1", refs=(found.tag,)).status == 0:
            return found.commit
        return self._fetch_commit(found.commit, found.name)

    def _fetch_commit(self, wanted: str, ref: str) -> str:
        """Ask for the one commit, or for all history where the server gives out refs only."""
        outcome = self._git_fetch("--depth=1", refs=(wanted,))
        if outcome.status and COMMIT_REFUSED.search(outcome.stderr):
            outcome = self._git_fetch(
                refs=(
                    "+HEAD:refs/pybuild/head",
                    "+refs/heads/*:refs/pybuild/heads/*",
                    "+refs/tags/*:refs/pybuild/tags/*",
                    *_extra_refs(ref),
                )
            )
        if outcome.status:
            raise self.remote.failed(outcome)
        found = self.program.run("rev-parse", "--quiet", "--verify", f"{wanted}^{{commit}}")
        if found.status:
            raise ContextError(
                f"the git repository {self.remote.address.url} has no commit {wanted}",
                hint="push the commit, or name the ref that holds it",
            )
        return found.stdout.strip()

    def _git_fetch(self, *options: str, refs: tuple[str, ...]) -> GitOutcome:
        url = self.remote.address.url
        return self.program.run(
            "fetch", "--quiet", "--no-tags", "--force", *options, "--", url, *refs
        )

    def _must(self, *arguments: str) -> GitOutcome:
        outcome = self.program.run(*arguments)
        if outcome.status:
            raise self.remote.failed(outcome)
        return outcome


def full_names(ref: str) -> tuple[str, ...]:
    """What a name can mean, in BuildKit's order: a branch wins over a tag."""
    if not ref or ref == "HEAD":
        return ("HEAD",)
    if ref.startswith("refs/"):
        return (ref,)
    return (f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/{ref}")


def _extra_refs(ref: str) -> Iterator[str]:
    """A ref that holds the commit, where it is neither a branch nor a tag."""
    if ref.startswith("refs/") and not ref.startswith(("refs/heads/", "refs/tags/")):
        yield f"+{ref}:refs/pybuild/extra"
