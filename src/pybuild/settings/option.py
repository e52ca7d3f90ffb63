"""What an option is: one value feeds the flags, the environment, the inputs and the reference."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

PREFIX = "PYBUILD_"
"""Of every environment variable of ours."""


class Kind(Enum):
    """The form of an option's value."""

    TEXT = "text"
    PATH = "path"
    FLAG = "flag"
    CHOICE = "choice"
    NUMBER = "number"
    SIZE = "size"
    DURATION = "duration"
    LIST = "list"
    WORDS = "words"


class Form(Enum):
    """How an option is given on the command line of ``build``."""

    FLAG = "flag"
    POSITIONAL = "positional"
    ENVIRONMENT = "environment"  # never in argv, which every process of the machine can read
    EXECUTOR = "executor"  # only a flag of ``executor``, and a variable


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    Attributes:
        name: The long option of ``build``; the environment variable follows from it.
        kind: A number is whole and not negative; a size is bytes, with docker's units; a duration
            is Go's (``336h``). A list has one value a line in the environment (docker's rules for
            inputs: a quoted value may hold newlines); words are split at white space and commas.
        help: One sentence for people.
        default: As it would be typed; empty is none.
        choices: What a choice may be.
        short: The letter of the short flag, or empty.
        metavar: What stands for the value in the help.
        form: How it is given.
        secret: Whether its value is masked in everything we print.
        kaniko: The flags of ``executor`` that mean the same, without dashes; a single letter is
            a short flag.
        kaniko_env: A variable of Kaniko with the same meaning.
        action: The input of the GitHub action, or empty.
        gitlab: The input of the GitLab component, or empty.
        gitlab_default: Where the component's default differs.
        tekton: The parameter of the Tekton Task, or empty.
        tekton_default: Where the Task's default differs; None makes the parameter mandatory.
    """

    name: str
    kind: Kind
    help: str
    default: str = ""
    choices: tuple[str, ...] = ()
    short: str = ""
    metavar: str = ""
    form: Form = Form.FLAG
    secret: bool = False
    kaniko: tuple[str, ...] = ()
    kaniko_env: str = ""
    action: str = ""
    gitlab: str = ""
    gitlab_default: str = ""
    tekton: str = ""
    tekton_default: str | None = ""

    @property
    def variable(self) -> str:
        """The environment variable: ``PYBUILD_CACHE_FROM`` of ``cache-from``."""
        return PREFIX + self.name.upper().replace("-", "_")
