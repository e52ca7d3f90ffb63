"""The contexts of a build: what named ones are, and those of files on this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from pybuild.context.dockerignore import ignore_text, scan
from pybuild.context.modified import set_times
from pybuild.context.source import source_for
from pybuild.digest import parse_digest
from pybuild.dockerfile.ignore import IgnorePatterns
from pybuild.engine.context import SourceFiles
from pybuild.engine.tools import Tools
from pybuild.errors import UsageError
from pybuild.events import BuildWarning
from pybuild.graph.links import SCRATCH
from pybuild.graph.plan import FromContext, Plan, sources_of
from pybuild.graph.stages import (
    ImageUse,
    Links,
    NamedContext,
    NamedContexts,
    NamedFiles,
    NamedImage,
)
from pybuild.oci.reference import Reference, Repository
from pybuild.ports import FetchedContext
from pybuild.request import BuildRequest

LAYOUT = "oci-layout:/"
"""Stands where a registry does in the reference of an image that a directory holds."""

_IMAGE = "docker-image://"
_LAYOUT = "oci-layout://"
_IGNORE_FILE = ".dockerignore"
_BAKE = ("target:", "input:")


def named_contexts(request: BuildRequest) -> NamedContexts:
    """What each ``--build-context`` means.

    Raises:
        UsageError: A name or an image is malformed, or only docker's bake knows the form.
    """
    return NamedContexts.of({name: _meant(name, text) for name, text in request.build_contexts})


def _meant(name: str, text: str) -> NamedContext:
    if text.startswith(_BAKE):
        raise UsageError(
            f"build context {name}: {text} is a form of docker buildx bake alone",
            hint="give a directory, an archive, a git URL, docker-image:// or oci-layout://",
        )
    if text.startswith(_IMAGE):
        return NamedImage(Reference.parse(text.removeprefix(_IMAGE)))
    if text.startswith(_LAYOUT):
        return NamedImage(_layout_reference(text.removeprefix(_LAYOUT)))
    return NamedFiles(name)


def _layout_reference(text: str) -> Reference:
    """``/directory[:tag][@digest]``; neither is the tag ``latest``."""
    directory, at, digest = text.partition("@")
    head, slash, last = directory.rpartition("/")
    name, _, tag = last.partition(":")
    if not at and not tag:
        tag = "latest"
    place = Repository(LAYOUT, head + slash + name)
    return Reference(place, tag or None, parse_digest(digest, source=text) if at else None)


@dataclass(frozen=True, slots=True)
class ContextFiles:
    """Fetches and lists the contexts whose files steps read, and no others.

    Attributes:
        main: The main context, there already.
        dockerfile: Where the Dockerfile stands.
        stdin: For a named context that is standard input.
        secrets: Some are credentials of remote contexts.
    """

    request: BuildRequest
    main: FetchedContext
    dockerfile: Path
    stdin: BinaryIO
    tools: Tools
    secrets: Mapping[str, bytes] = field(repr=False)

    def read_by(self, plan: Plan) -> dict[str, SourceFiles]:
        """The contexts of a plan's steps by name.

        Raises:
            ContextError: One cannot be had.
        """
        steps = (step for stage in plan.stages for step in stage.steps)
        sources = (source for step in steps for source in sources_of(step.action))
        names = dict.fromkeys(one.name for one in sources if isinstance(one, FromContext))
        return {name: self._files(name) for name in names}

    def _files(self, name: str) -> SourceFiles:
        if not name:
            directory = self.main.directory
            return _listed(directory, ignore_text(directory, self.dockerfile))
        fetched = self._fetched(name)
        if fetched.owned:  # BuildKit reads the ignore file of a directory alone
            return _listed(fetched.directory, None)
        ignore = ignore_text(fetched.directory, fetched.directory / _IGNORE_FILE)
        return _listed(fetched.directory, ignore)

    def _fetched(self, name: str) -> FetchedContext:
        request = replace(
            self.request,
            context=dict(self.request.build_contexts)[name],
            context_sub_path="",
            dockerfile="",
            git=replace(self.request.git, branch=""),  # of the main context
        )
        into = new_directory(self.tools)
        with self.tools.progress.vertex(f"[context {name}] load"):
            emit = self.tools.progress.emit
            source = source_for(request, self.stdin, emit=emit, secrets=self.secrets)
            fetched = source.fetch(into)
            if fetched.commit_time_s is not None:
                set_times(fetched.directory, fetched.commit_time_s)
            return fetched


def _listed(directory: Path, ignore: str | None) -> SourceFiles:
    return SourceFiles(scan(directory, IgnorePatterns.parse(ignore or "")), directory)


def new_directory(tools: Tools) -> Path:
    """An empty directory that is removed after the build."""
    if tools.scratch is None:
        raise AssertionError("a build has a scratch directory")
    return Path(tempfile.mkdtemp(dir=tools.scratch))


def unused(request: BuildRequest, links: Iterable[Links]) -> Iterator[BuildWarning]:
    """A warning for each named context that nothing of the build names."""
    origins = [origin for link in links for origin in (link.base, *link.origins.values())]
    named: set[NamedContext] = {one for one in origins if isinstance(one, NamedFiles)}
    named |= {NamedImage(one.reference) for one in origins if isinstance(one, ImageUse)}
    named.add(NamedImage(Reference.parse(SCRATCH)))  # it leaves no trace in the links
    for name, text in request.build_contexts:
        if _meant(name, text) not in named:
            yield BuildWarning(
                "UnusedBuildContext",
                f"build context {name} is not used: no FROM or --from names it",
            )
