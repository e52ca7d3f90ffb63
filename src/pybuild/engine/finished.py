"""A stage that is finished, and its files for those that read them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from pybuild.engine.context import SourceFiles
from pybuild.engine.live import LiveStage, restore
from pybuild.engine.tools import Tools
from pybuild.ports import ChainLayer
from pybuild.request import StepReport


@dataclass(frozen=True, slots=True)
class FinishedStage:
    """What a stage came to.

    Attributes:
        chain: Base first; empty for a stage that is not needed.
        created: When each of its steps ran (RFC 3339).
        reports: Its steps that ran or were reused.
        live: Its tree, where others read it.
        lock: Held by who makes sure that the tree is sound.
    """

    chain: tuple[ChainLayer, ...]
    created: tuple[str, ...]
    reports: tuple[StepReport, ...]
    live: LiveStage | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def files(self, tools: Tools) -> SourceFiles:
        """What others read of it."""
        if self.live is None:
            raise AssertionError("a stage that is read keeps its tree")
        with self.lock:
            restore(self.live, tools)
            return SourceFiles(self.live.index, self.live.tree.directory())
