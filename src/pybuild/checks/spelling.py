"""Rules that look at how a Dockerfile is written, not at what it means."""

from __future__ import annotations

from collections.abc import Iterator

from pybuild.checks.rules import RULES, Violation
from pybuild.dockerfile.instructions import Arg, Dockerfile, Env, Instruction, Label, Stage
from pybuild.dockerfile.location import Location


def spelling(dockerfile: Dockerfile) -> Iterator[Violation]:
    """Violations of casing, continuation lines, legacy pairs and descriptions."""
    yield from _empty_continuations(dockerfile)
    yield from _names_and_keywords(dockerfile)
    yield from _instruction_casing(dockerfile)
    for arg in dockerfile.global_args:
        yield from _description_of_arg(dockerfile, arg)
    for stage in dockerfile.stages:
        yield from _description_of_stage(dockerfile, stage)
        for instruction in stage.instructions:
            if isinstance(instruction, Env | Label):
                yield from _legacy_pair(instruction)
            elif isinstance(instruction, Arg):
                yield from _description_of_arg(dockerfile, instruction)


def keyword(instruction: Instruction) -> str:
    """An instruction's name as it is written."""
    return instruction.original.split(maxsplit=1)[0]


def _instructions(dockerfile: Dockerfile) -> Iterator[Instruction]:
    for stage in dockerfile.stages:
        yield stage.source
        yield from stage.instructions


def _empty_continuations(dockerfile: Dockerfile) -> Iterator[Violation]:
    for instruction in (*dockerfile.global_args, *_instructions(dockerfile)):
        place = instruction.location
        end = place.last_line - _heredoc_lines(instruction)
        lines = range(place.first_line + 1, end + 1)
        if any(not dockerfile.lines[number - 1].strip() for number in lines):
            where = Location(place.file, end, end)
            yield Violation(RULES["NoEmptyContinuation"], "Empty continuation line", where)


def _heredoc_lines(instruction: Instruction) -> int:
    heredocs = getattr(instruction, "heredocs", ())
    return sum(heredoc.body.count("\n") + 1 for heredoc in heredocs)


def _names_and_keywords(dockerfile: Dockerfile) -> Iterator[Violation]:
    for stage in dockerfile.stages:
        source = stage.source
        if not source.name:
            continue
        *_, as_, name = source.original.split()
        if name != name.lower():
            detail = f"Stage name '{name}' should be lowercase"
            yield Violation(RULES["StageNameCasing"], detail, source.location)
        from_ = keyword(source)
        if (from_.isupper() and not as_.isupper()) or (from_.islower() and not as_.islower()):
            detail = f"'{as_}' and '{from_}' keywords' casing do not match"
            yield Violation(RULES["FromAsCasing"], detail, source.location)


def _instruction_casing(dockerfile: Dockerfile) -> Iterator[Violation]:
    words = [(keyword(one), one.location) for one in _instructions(dockerfile)]
    lower = sum(word.islower() for word, _ in words)
    upper = sum(word.isupper() for word, _ in words)
    wanted = "lowercase" if lower > upper else "uppercase"
    for word, location in words:
        if word != (word.lower() if lower > upper else word.upper()):
            detail = f"Command '{word}' should match the case of the command majority ({wanted})"
            yield Violation(RULES["ConsistentInstructionCasing"], detail, location)


def _legacy_pair(instruction: Env | Label) -> Iterator[Violation]:
    words = instruction.original.split(maxsplit=2)
    if "=" not in words[1]:
        name = words[0]
        detail = f'"{name} key=value" should be used instead of legacy "{name} key value" format'
        yield Violation(RULES["LegacyKeyValueFormat"], detail, instruction.location)


def _description_of_arg(dockerfile: Dockerfile, arg: Arg) -> Iterator[Violation]:
    comment = _comment_above(dockerfile, arg.location)
    yield from _description("ARG", [name for name, _ in arg.pairs], comment, arg.location)


def _description_of_stage(dockerfile: Dockerfile, stage: Stage) -> Iterator[Violation]:
    if stage.source.name:
        comment = _comment_above(dockerfile, stage.source.location)
        names = [stage.source.original.split()[-1]]
        yield from _description("FROM", names, comment, stage.source.location)


def _description(
    kind: str, names: list[str], comment: str, location: Location
) -> Iterator[Violation]:
    if comment and comment.split(maxsplit=1)[0] not in names:
        name = names[0] if len(names) == 1 else "<arg_key>"
        detail = f"Comment for {kind} should follow the format: `# {name} <description>`"
        yield Violation(RULES["InvalidDefinitionDescription"], detail, location)


def _comment_above(dockerfile: Dockerfile, location: Location) -> str:
    """The last comment before an instruction, blank lines passed over; a bare ``#`` is none."""
    for number in range(location.first_line - 1, len(dockerfile.directives), -1):
        line = dockerfile.lines[number - 1].strip()
        if line:
            return line[1:].strip() if line.startswith("#") else ""
    return ""
