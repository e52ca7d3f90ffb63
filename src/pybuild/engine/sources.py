"""What steps read besides their own tree: build contexts and finished stages."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import assert_never

from pybuild.digest import hex_of
from pybuild.engine.context import SourceFiles
from pybuild.engine.finished import FinishedStage
from pybuild.engine.job import Job
from pybuild.engine.subtree import Subtree, copy_out, find
from pybuild.graph.encoding import key_of
from pybuild.graph.plan import FromContext, FromStage, Source


class Sources:
    """The files of one build's contexts and stages; safe to use from many threads."""

    def __init__(self, job: Job, finished: Mapping[int, FinishedStage]) -> None:
        """Give access to the files.

        Args:
            job: Has the contexts.
            finished: The stages by index; it grows.
        """
        self._job = job
        self._finished = finished
        self._locks: dict[tuple[str, bytes], threading.Lock] = {}
        self._copies: dict[tuple[str, bytes], Path] = {}

    def files(self, source: Source) -> SourceFiles:
        """The tree of a context, or of a stage, which is finished."""
        match source:
            case FromContext(name):
                return self._job.contexts[name]
            case FromStage(index):
                return self._finished[index].files(self._job.tools)
            case _:
                assert_never(source)

    def find(self, source: Source, path: str) -> Subtree:
        """A file or a directory of a source, links followed inside it.

        Raises:
            DockerfileError: It is not there, or is neither.
        """
        return find(self.files(source), path, is_context=isinstance(source, FromContext))

    def place(self, source: Source, path: str) -> Path:
        """Where this machine has a file or a directory of a source, as a RUN may see it.

        That is the tree of a stage itself. Of a context it is a copy, made once: without what
        .dockerignore leaves out, and root's.

        Raises:
            DockerfileError: It is not there.
        """
        found = self.find(source, path)
        if isinstance(source, FromStage):
            return found.place
        key = (source.name, found.entry.path)
        with self._locks.setdefault(key, threading.Lock()):
            if key not in self._copies:
                self._copies[key] = self._copy(found, key)
            return self._copies[key]

    def _copy(self, found: Subtree, key: tuple[str, bytes]) -> Path:
        scratch = self._job.tools.scratch
        if scratch is None:
            raise AssertionError("a build whose RUNs see a context has a scratch directory")
        into = scratch / f"bind-{hex_of(key_of(*key))}"
        into.mkdir()
        return copy_out(found, into, self._job.tools)
