"""Finds stages by what a Dockerfile calls them: a name, whatever its case, or an index."""

from __future__ import annotations

import difflib
from bisect import bisect_left
from collections.abc import Iterator

from pybuild.dockerfile.instructions import Dockerfile, Stage
from pybuild.errors import DockerfileError
from pybuild.oci.reference import Reference


class StageNames:
    """The stages of a file by name."""

    def __init__(self, stages: tuple[Stage, ...]) -> None:
        self._stages = stages
        self._by_name: dict[str, list[int]] = {}
        for stage in stages:
            if stage.source.name:
                self._by_name.setdefault(stage.source.name, []).append(stage.index)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def find(self, name: str) -> Stage | None:
        """A stage by name, the last one of that name; or by its index."""
        found = self._by_name.get(name.lower())
        if found:
            return self._stages[found[-1]]
        digits = name.lstrip("0") or "0"  # any number of them, and int() refuses thousands
        if not name.isascii() or not name.isdecimal() or len(digits) > len(str(len(self._stages))):
            return None
        return self._stages[int(digits)] if int(digits) < len(self._stages) else None

    def before(self, name: str, index: int) -> Stage | None:
        """The last stage of a name that comes before a stage's index."""
        found = self._by_name.get(name.lower(), [])
        place = bisect_left(found, index)
        return self._stages[found[place - 1]] if place else None


def target_stage(dockerfile: Dockerfile, target: str) -> Stage:
    """The stage by name or index; the last one where target is empty.

    Raises:
        DockerfileError: There is no such stage.
    """
    if not target:
        return dockerfile.stages[-1]
    names = StageNames(dockerfile.stages)
    found = names.find(target)
    if found is None:
        near = difflib.get_close_matches(target.lower(), list(names), 1)
        guess = f" (did you mean {near[0]}?)" if near else ""
        raise DockerfileError(f'target stage "{target}" could not be found{guess}')
    return found


def near_stage(dockerfile: Dockerfile, reference: Reference) -> str:
    """A hint for an image that is not there and whose name is nearly a stage's; or empty."""
    path = reference.repository.path.removeprefix("library/")
    near = difflib.get_close_matches(path, list(StageNames(dockerfile.stages)), 1)
    return f"did you mean the stage {near[0]}?" if near else ""
