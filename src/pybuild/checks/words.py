"""The words of an instruction in which an undefined variable is reported."""

from __future__ import annotations

from pybuild.dockerfile.instructions import (
    Add,
    Copy,
    Env,
    Instruction,
    Label,
    StopSignal,
    User,
    Volume,
    Workdir,
)


def expanded_words(instruction: Instruction) -> tuple[str, ...]:
    """All that count, as written.

    BuildKit says nothing of EXPOSE; the words of an ARG see each other and are not among them.
    """
    match instruction:
        case Copy(sources=sources, destination=destination, chown=chown, chmod=chmod):
            return (*sources, destination, chown, chmod)
        case Add(sources=sources, destination=destination, chown=chown, chmod=chmod):
            return (*sources, destination, chown, chmod, instruction.checksum)
        case Env(pairs=pairs) | Label(pairs=pairs):
            return tuple(word for pair in pairs for word in pair)
        case User(user=word) | Workdir(path=word) | StopSignal(signal=word):
            return (word,)
        case Volume(paths=paths):
            return paths
        case _:
            return ()
