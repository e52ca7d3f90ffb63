"""One build, cut and ready to run: the plan with everything that its steps need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pybuild.digest import Digest
from pybuild.engine.context import SourceFiles
from pybuild.engine.tools import Inputs, Tools
from pybuild.graph.cut import StageCut
from pybuild.graph.keys import ContextKey
from pybuild.graph.plan import Plan, Step
from pybuild.ports import CacheEntry

Keys = Sequence[Sequence[Digest]]
"""A key for each step of each stage."""


@dataclass(frozen=True, slots=True)
class Job:
    """All that is known before the first step runs.

    Attributes:
        contents: A digest of what each step reads from outside the plan, where it does.
        hits: What the cache knows, by key.
        cuts: What is done about each stage.
        contexts: The build context (its name is empty) and named ones, .dockerignore applied.
    """

    plan: Plan
    keys: Keys
    hits: Mapping[Digest, CacheEntry]
    cuts: tuple[StageCut, ...]
    contexts: Mapping[str, SourceFiles]
    inputs: Inputs
    tools: Tools
    contents: Mapping[ContextKey, bytes] = field(default_factory=dict)

    def excerpt(self, step: Step) -> str:
        """The step's lines in the Dockerfile."""
        return self.inputs.dockerfile.excerpt(step.location)
