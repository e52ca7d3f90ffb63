"""What the readers of instructions share: the stage's state, and how words and errors are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pybuild.dockerfile.instructions import Command, Dockerfile, Instruction
from pybuild.errors import DockerfileError
from pybuild.graph import history
from pybuild.graph.plan import Source
from pybuild.graph.scope import Scope, expanded, problem
from pybuild.graph.state import StageState


@dataclass(frozen=True, slots=True)
class Reading:
    """One stage being read, instruction by instruction.

    Attributes:
        state: Changes with every instruction.
        sources: What each ``--from`` and each mount's ``from`` means.
    """

    dockerfile: Dockerfile
    scope: Scope
    state: StageState
    sources: Mapping[str, Source]

    def word(self, instruction: Instruction, word: str) -> str:
        """A word with its variables."""
        return expanded(self.dockerfile, instruction.location, word, self.state.env)

    def note(self, created_by: str, *, layer: bool = False) -> None:
        """Add an entry to the stage's history."""
        entry = history.made_layer(created_by) if layer else history.made_none(created_by)
        self.state.history.append(entry)

    def command(self, command: Command) -> tuple[str, ...]:
        """A command's words, the shell before them in the shell form."""
        return (*self.state.shell, *command.words) if command.shell else command.words

    def problem(self, instruction: Instruction, message: str, hint: str = "") -> DockerfileError:
        """An error with the excerpt of the instruction's lines."""
        return problem(self.dockerfile, instruction.location, message, hint)
