"""``ports.Rootfs`` without any right: a tree is a directory, a command a Python function."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pybuild.errors import StepFailed, TreeChanged
from pybuild.ports import Process
from pybuild.rootfs.entries import candidate
from pybuild.tree.entry import Candidate

Command = Callable[[Path], int | None]


@dataclass
class FakeRootfs:
    """Trees below a directory.

    Attributes:
        commands: By the text of a RUN's shell form; a status of None is 0.
        ran: Texts in the order in which they began.
        spoilt: How many times what is read of a tree after a RUN turns out to have been changed.
        stopped: Set by ``stop``; commands that wait for each other look at it.
    """

    place: Path
    commands: Mapping[str, Command]
    trees: dict[str, FakeTree] = field(default_factory=dict)
    name: str = "fake"
    overlaps: bool = True
    ran: list[str] = field(default_factory=list)
    spoilt: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def stage(self, name: str) -> FakeTree:
        self.trees[name] = FakeTree(self, self.place / name)
        return self.trees[name]

    def refusal(self, process: object) -> str:  # noqa: ARG002 - everything can be had here
        return ""

    def blocked(self, path: object) -> str:  # noqa: ARG002 - nothing is mounted here
        return ""

    def run_on_host(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: Path,
        on_line: Callable[[str], None],
    ) -> int:
        raise NotImplementedError

    def stop(self) -> None:
        self.stopped.set()

    def close(self) -> None:
        pass


@dataclass
class FakeTree:
    """One directory; everything in it is a candidate after a run."""

    rootfs: FakeRootfs
    place: Path
    before: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.place.mkdir()

    damaged: bool = False

    def start_over(self) -> None:
        shutil.rmtree(self.place)
        self.place.mkdir()
        self.damaged = False

    def directory(self) -> Path:
        assert not self.damaged
        return self.place

    @contextmanager
    def layer(self, prove: object = None) -> Iterator[Path]:  # noqa: ARG002 - nobody reaches it
        yield self.place

    @contextmanager
    def reading(self) -> Iterator[Path]:
        yield self.place
        if self.rootfs.spoilt:
            self.rootfs.spoilt -= 1
            self.damaged = True
            raise TreeChanged("another stage's command changed it")

    def run(self, process: Process, on_line: Callable[[str], None]) -> int:
        text = process.argv[-1]
        self.rootfs.ran.append(text)
        self.before = self._names()
        if self.rootfs.stopped.is_set():
            raise StepFailed("stopped", status=137)
        on_line(f"ran {text}")
        return self.rootfs.commands[text](self.place) or 0

    def candidates(self) -> Iterator[Candidate]:
        for path in self.before | self._names():
            yield candidate(os.fsencode(self.place), path)

    def close(self) -> None:
        pass

    def _names(self) -> set[bytes]:
        return {os.fsencode(path.relative_to(self.place)) for path in self.place.rglob("*")}
