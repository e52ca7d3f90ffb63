"""Submodules: each is fetched like a repository of its own, so that the same rules hold for it.

``git submodule`` is a shell script in older gits, and would start programs with settings of its
own; and it leaves files named ``.git`` with paths of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pybuild.context.git_address import GitAddress, parse_git_source
from pybuild.context.git_remote import Checkout, Found
from pybuild.context.inside import resolve_below
from pybuild.errors import ContextError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pybuild.context.git_program import GitProgram

_GITLINK = "160000"  # git-fast-import(1): the mode of a submodule in a tree
_DEEPEST = 20  # submodules in submodules; more is an attack
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Module:
    """A submodule as its parent names it.

    Attributes:
        path: Where it lies in its parent.
        url: As in ``.gitmodules``; may be relative to the parent's.
    """

    path: str
    commit: str
    url: str


def check_out_submodules(
    checkout: Checkout,
    repository_of: Callable[[Path], Path],
    warn: Callable[[str], None],
    depth: int = 0,
) -> None:
    """Fetch and check out every submodule of a work tree, and theirs.

    Args:
        checkout: Of the parent, done.
        repository_of: The git directory for a submodule's work tree.
        warn: Gets a line for each that cannot be fetched because its URL is not known.
        depth: How many submodules the parent is in.

    Raises:
        ContextError: One cannot be had, or would lie outside.
    """
    modules = list(_modules(checkout.program, warn))
    if modules and depth >= _DEEPEST:
        raise ContextError(
            f"the git repository {checkout.remote.address.url} is nested deeper than {_DEEPEST}"
            " submodules"
        )
    for module in modules:
        remote = replace(checkout.remote, address=_address(checkout.remote.address, module))
        work_tree = _place(checkout.program.work_tree, module)
        program = remote.program(repository_of(work_tree), work_tree)
        inner = Checkout(remote, program)
        inner.run(Found(module.commit))
        check_out_submodules(inner, repository_of, warn, depth + 1)


def _modules(program: GitProgram, warn: Callable[[str], None]) -> Iterator[_Module]:
    links = dict(_links(program))
    if not links:
        return
    if len(links) > _MOST:
        raise ContextError(f"the git repository has more than {_MOST} submodules")
    settings = _settings(program)
    for path, commit in links.items():
        values = settings.get(path, {})
        if "url" not in values:
            warn(f"the submodule at {path} has no URL in .gitmodules: its directory stays empty")
        elif values.get("update") != "none":  # gitmodules(5)
            yield _Module(path, commit, values["url"])


def _links(program: GitProgram) -> Iterator[tuple[str, str]]:
    """Path and commit of each; git-ls-files(1): mode, object, stage, tab, file."""
    for record in program.run("ls-files", "--stage", "-z").stdout.split("\0"):
        facts, _, path = record.partition("\t")
        if facts.startswith(_GITLINK):
            yield path, facts.split()[1]


def _settings(program: GitProgram) -> Mapping[str, Mapping[str, str]]:
    """What ``.gitmodules`` says of each path."""
    listed = program.run(
        "config", "--null", "--blob", "HEAD:.gitmodules", "--get-regexp", r"^submodule\..*"
    )
    by_name: dict[str, dict[str, str]] = {}
    for record in listed.stdout.split("\0"):
        key, _, value = record.partition("\n")
        name, _, variable = key.removeprefix("submodule.").rpartition(".")
        by_name.setdefault(name, {})[variable] = value
    return {values["path"].rstrip("/"): values for values in by_name.values() if "path" in values}


def _address(parent: GitAddress, module: _Module) -> GitAddress:
    url = module.url
    if url.startswith(("./", "../")):
        url = _relative(parent.url, url)
    try:
        return parse_git_source(url.partition("#")[0])
    except ContextError as error:
        raise ContextError(
            f"the submodule at {module.path} of {parent.url}: {error.message}",
            hint="a submodule's URL is http(s), ssh, git or relative to the repository's own",
        ) from None


def _relative(parent: str, url: str) -> str:
    """gitmodules(5): relative to the parent's URL, component by component."""
    base = parent.rstrip("/")
    while url.startswith(("./", "../")):
        step, _, url = url.partition("/")
        if step == "..":
            head, slash, _ = base.rpartition("/")
            base = head if slash and not head.endswith("/") else base.rpartition(":")[0] + ":"
    return f"{base}{'' if base.endswith(':') else '/'}{url}"


def _place(work_tree: Path, module: _Module) -> Path:
    place = work_tree / module.path
    found = resolve_below(work_tree, place)
    if found is None or found != place or not found.is_dir():
        raise ContextError(f"the submodule at {module.path} does not lie in a directory of its own")
    return found
