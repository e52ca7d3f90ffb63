"""Typed instructions → the text of a Dockerfile, in one form: what parses to the same again."""

import dataclasses
import json
import re

from pybuild.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Command,
    Copy,
    Dockerfile,
    Entrypoint,
    Env,
    Expose,
    From,
    HealthCheck,
    Heredoc,
    Instruction,
    Label,
    Maintainer,
    OnBuild,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from pybuild.dockerfile.words import SPACE

SPECIAL = re.compile(r"([^A-Za-z0-9_./:@=,$%+-])")
BLANK = re.compile(f"[{re.escape(SPACE)}]")
SWITCHES = ("link", "parents", "keep_git_dir", "unpack")


def text(dockerfile: Dockerfile) -> str:
    """The whole file."""
    head = "# escape=`\n" if dockerfile.escape == "`" else ""
    every = [*dockerfile.global_args]
    for stage in dockerfile.stages:
        every += [stage.source, *stage.instructions]
    lines = (line(one, dockerfile.escape) for one in every)
    return head + "".join(f"{ended(text, dockerfile.escape)}\n" for text in lines)


def ended(text: str, escape: str) -> str:
    """A line that is not continued: after an escape stands a blank that is none to the parser."""
    is_open = text.endswith(escape) and not text.endswith(escape * 2)
    return f"{text}\x85" if is_open else text


def bare(dockerfile: Dockerfile) -> list[Instruction]:
    """The instructions without what belongs to one text: places, and the text itself."""
    every = [*dockerfile.global_args]
    for stage in dockerfile.stages:
        every += [stage.source, *stage.instructions]
    return [dataclasses.replace(one, location=None, original="") for one in every]


def line(one: Instruction, escape: str) -> str:  # noqa: C901, PLR0911, PLR0912 - a table
    """One instruction, with its here-documents."""
    match one:
        case From(base=base, name=name, platform=platform):
            named = f" AS {name}" if name else ""
            return f"FROM {flags(platform=platform)}{rest(base)}{named}"
        case Env(pairs=pairs):
            return f"ENV {pairs_text(pairs, escape)}"
        case Label(pairs=pairs):
            return f"LABEL {pairs_text(pairs, escape)}"
        case Arg(pairs=pairs):
            words = [name if value is None else f"{name}={value}" for name, value in pairs]
            return f"ARG {rest(' '.join(words))}"
        case Copy() | Add():
            return copy_text(one)
        case Run():
            given = flags(
                mount=one.mounts, network=one.network, security=one.security, device=one.devices
            )
            bodies = "".join(map(body_text, one.heredocs))
            return f"RUN {given}{command_text(one.command, given)}{bodies}"
        case Cmd(command=command):
            return f"CMD {command_text(command)}"
        case Entrypoint(command=command):
            return f"ENTRYPOINT {command_text(command)}"
        case HealthCheck(command=None, flags=given):
            return f"HEALTHCHECK {flags(**dict(given))}NONE"
        case HealthCheck(command=command, flags=given):
            return f"HEALTHCHECK {flags(**dict(given))}CMD {command_text(command, 'CMD')}"
        case OnBuild(text=trigger):
            return f"ONBUILD {trigger}"  # whose own flags may have been ended
        case Expose(ports=ports):
            return f"EXPOSE {rest(' '.join(ports))}"
        case Volume(paths=words) | Shell(words=words):
            return f"{type(one).__name__.upper()} {json_text(words)}"
        case Workdir(path=word) | User(user=word) | StopSignal(signal=word) | Maintainer(name=word):
            return f"{type(one).__name__.upper()} {rest(word)}"
        case _:
            raise AssertionError(one)


def copy_text(one: Copy | Add) -> str:
    """COPY and ADD; as an array where that can be said of the words."""
    names = [field.name for field in dataclasses.fields(one)]
    kept = ("from_", "chown", "chmod", "exclude", "checksum", *SWITCHES)
    given = flags(**{name: getattr(one, name) for name in kept if name in names})
    if not one.heredocs:
        words = json_text([*one.sources, one.destination])
        return f"{type(one).__name__.upper()} {given}{words}"
    opened = [opening(heredoc) for heredoc in one.heredocs]
    words = " ".join([*one.sources, *opened, one.destination])
    bodies = "".join(map(body_text, one.heredocs))
    return f"{type(one).__name__.upper()} {given}{words}{bodies}"


def flags(**given: object) -> str:
    """Flags, each with a blank behind it."""
    words = []
    for name, value in given.items():
        flag = f"--{name.strip('_').replace('_', '-')}"
        match value:
            case bool():
                words += [f"{flag}={str(value).lower()}"] if value or name in SWITCHES[2:] else []
            case tuple():
                words += [f"{flag}={escaped(str(item))}" for item in value]
            case str() if value:
                words.append(f"{flag}={escaped(value)}")
    return "".join(f"{word} " for word in words)


def escaped(value: str) -> str:
    """A word with a backslash before all that may mean something."""
    return SPECIAL.sub(r"\\\1", value)


def rest(words: str) -> str:
    """What follows the flags, told from them where it looks like one."""
    return f"-- {words}" if words.startswith("--") else words


def pairs_text(pairs: tuple[tuple[str, str], ...], escape: str) -> str:
    """``name=value`` words, or the form for one value with blanks."""
    name, value = pairs[0]
    if len(pairs) == 1 and not is_one_word(f"{name}={value}", escape):
        blanks = "  " if name.endswith(escape) else " "  # the first may be the name's
        return rest(f"{name}{blanks}{value}")
    return rest(" ".join(f"{name}={value}" for name, value in pairs))


def is_one_word(word: str, escape: str) -> bool:
    """Whether no blank stands outside quotes and escapes, and no escape at the end."""
    esc = re.escape(escape)
    quoted = rf"{esc}.|'[^']*'?|\"(?:[^\"{esc}]|{esc}.)*\"?"
    left = re.sub(quoted, "", word, flags=re.DOTALL)
    return not BLANK.search(left) and not left.endswith(escape)


def command_text(command: Command, before: str = "") -> str:
    """A command; one that follows flags or a word is no flag any more, but ``--`` must say so."""
    if not command.shell:
        return json_text(command.words)
    return command.words[0] if before == "CMD" else rest(command.words[0])


def json_text(words: object) -> str:
    """A JSON array."""
    return json.dumps(words, ensure_ascii=False)


def opening(heredoc: Heredoc) -> str:
    """The word that opens a here-document."""
    dash = "-" if heredoc.chomp else ""
    if heredoc.expand:
        return f"{heredoc.descriptor}<<{dash}{escaped(heredoc.name)}"
    quoted = re.sub(r'(["$\\])', r"\\\1", heredoc.name)
    return f'{heredoc.descriptor}<<{dash}"{quoted}"'


def body_text(heredoc: Heredoc) -> str:
    """A here-document's body and its end."""
    return f"\n{heredoc.body}{heredoc.name}"
