"""Executes plans without any right: commands are Python functions, the cache is a dict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pybuild import ports
from pybuild.context.dockerignore import scan
from pybuild.dockerfile.ignore import IgnorePatterns
from pybuild.dockerfile.parser import parse
from pybuild.engine.contents import contents
from pybuild.engine.context import SourceFiles
from pybuild.engine.engine import Executed, execute
from pybuild.engine.job import Job
from pybuild.engine.progress import Progress
from pybuild.engine.tools import Inputs, Times, Tools
from pybuild.events import Event
from pybuild.graph.cut import cut
from pybuild.graph.keys import stage_keys
from pybuild.graph.plan import Mount, Plan, RunAction, Step
from pybuild.ports import CacheEntry, Process
from pybuild.store.blobs import LayoutStore
from pybuild.store.cache_mounts import DirectoryCaches
from tools.fake_rootfs import FakeRootfs, FakeTree
from tools.memory_ports import MemoryRegistry
from tools.planning import plan_of

NOW = 1_700_000_000


class MemoryCache:
    """``ports.StepCache`` in a dict."""

    def __init__(self) -> None:
        self.entries: dict[str, CacheEntry] = {}
        self.titles: list[str] = []
        self.parts: dict[str, Mapping[str, str]] = {}

    def look_up(self, keys):
        return {key: self.entries[key] for key in keys if key in self.entries}

    def save(self, key, entry, title, *, seconds, parts):
        assert seconds >= 0
        self.entries[key] = entry
        self.parts[title] = parts
        self.titles.append(title)


@dataclass
class WatchedRootfs(FakeRootfs):
    """Keeps the processes by their commands, and lets a command look at its own first."""

    processes: dict[str, Process] = field(default_factory=dict)
    looks: Mapping[str, Callable[[Process], None]] = field(default_factory=dict)
    refusals: list[Process] = field(default_factory=list)

    def stage(self, name: str) -> FakeTree:
        self.trees[name] = WatchedTree(self, self.place / name)
        return self.trees[name]


class WatchedTree(FakeTree):
    """Tells its rootfs of every process before it runs."""

    def run(self, process, on_line):
        text = process.argv[-1]
        self.rootfs.processes[text] = process
        self.rootfs.looks.get(text, lambda _process: None)(process)
        return super().run(process, on_line)


class Bench:
    """Everything an execution needs, with a cache that lasts from build to build.

    Attributes:
        context: The directory of the build context.
        named: Directories of named contexts.
        events: Of the last build.
        rootfs: Of the last build.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.context = place / "context"
        self.context.mkdir()
        self.named: dict[str, Path] = {}
        self.store = LayoutStore(place / "store")
        self.cache = MemoryCache()
        self.caches = DirectoryCaches(place / "caches")
        self.builds = 0
        self.events: list[Event] = []

    def job(
        self,
        text: str,
        commands: Mapping[str, Callable[[Path], int | None]] | None = None,
        *,
        args: Sequence[tuple[str, str]] = (),
        mounts: Mapping[str, Sequence[Mount]] | None = None,
        looks: Mapping[str, Callable[[Process], None]] | None = None,
        ignore: str = "",
        remotes: ports.Remotes | None = None,
        plan: Plan | None = None,
        **inputs: object,
    ) -> Job:
        """A build, planned and cut.

        Args:
            text: The Dockerfile.
            commands: What RUNs do, by their text.
            args: Build-args.
            mounts: Of RUNs, by their text.
            looks: Called with the process before a RUN.
            ignore: ``.dockerignore``.
            remotes: Fetches remote sources.
            plan: Instead of the text's own.
            inputs: More of ``Inputs``.
        """
        self.builds += 1
        place = self.place / f"build{self.builds}"
        (place / "trees").mkdir(parents=True)
        (place / "scratch").mkdir()
        self.rootfs = WatchedRootfs(place / "trees", commands or {}, looks=looks or {})
        self.events = []
        progress = Progress(self.events.append, lambda: 0.0)
        tools = Tools(
            self.rootfs, self.store, MemoryRegistry(), self.cache, progress, remotes, self.caches,
            place / "scratch",
        )  # fmt: skip
        plan = with_mounts(plan or plan_of(text, args=args), mounts or {})
        known = Inputs(parse(text, file="Dockerfile"), Times(NOW, None, None), **inputs)
        contexts = {
            name: SourceFiles(scan(directory, IgnorePatterns.parse(ignore)), directory)
            for name, directory in {"": self.context, **self.named}.items()
        }
        digests = contents(plan, contexts, known, tools)
        keys = stage_keys(plan, digests)
        hits = self.cache.look_up([key for stage in keys for key in stage])
        return Job(plan, keys, hits, cut(plan, keys, hits), contexts, known, tools, digests)

    def build(self, text: str, commands=None, *, jobs: int = 2, **more) -> Executed:
        """Plan and run."""
        return self.execute(self.job(text, commands, **more), jobs)

    def execute(self, job: Job, jobs: int = 2) -> Executed:
        """Run a job; the layers that it tells of are in ``layers``."""
        self.layers = []
        return execute(job, jobs, lambda stage, layer: self.layers.append((stage, layer)))


def with_mounts(plan: Plan, mounts: Mapping[str, Sequence[Mount]]) -> Plan:
    """The plan with mounts for RUNs by their text."""

    def changed(step: Step) -> Step:
        action = step.action
        if not isinstance(action, RunAction) or action.argv[-1] not in mounts:
            return step
        return replace(step, action=replace(action, mounts=tuple(mounts[action.argv[-1]])))

    stages = (replace(stage, steps=tuple(map(changed, stage.steps))) for stage in plan.stages)
    return replace(plan, stages=tuple(stages))
