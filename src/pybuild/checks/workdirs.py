"""WORKDIR: whether a relative one begins at a place that only the base image knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pybuild.checks.environment import Moment, expanded
from pybuild.checks.rules import RULES, Violation
from pybuild.dockerfile.instructions import Workdir


class Workdirs:
    """Follows WORKDIR through the stages; a stage begins with what the one below it had.

    Args:
        parents: For stages that are built on a stage, by index, that one's index.
        escape: The Dockerfile's escape character.
    """

    def __init__(self, parents: Mapping[int, int], escape: str) -> None:
        self._parents = parents
        self._escape = escape
        self._decided: set[int] = set()

    def see(self, moment: Moment) -> Iterator[Violation]:
        """The violation of an instruction, if it is one; only the first WORKDIR can be."""
        if not isinstance(moment.instruction, Workdir):
            return
        index = moment.stage.index
        is_first = index not in self._decided and self._parents.get(index) not in self._decided
        self._decided.add(index)
        path = expanded(moment.instruction.path, moment.variables, self._escape)
        if is_first and path is not None and not path.startswith("/"):
            detail = (
                f'Relative workdir "{path}" can have unexpected results if the base image changes'
            )
            yield Violation(RULES["WorkdirRelativePath"], detail, moment.instruction.location)
