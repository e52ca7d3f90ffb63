"""A Dockerfile that ours has parsed, in the form that ``frontend/main.go`` gives BuildKit's."""

from typing import Any

from pybuild.dockerfile.durations import parse_duration_ns
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
    HealthCheck,
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

DURATIONS = ("interval", "timeout", "start-period", "start-interval")
COPY_FIELDS = ("chown", "chmod", "link", "exclude", "destination", "sources")


def instructions(dockerfile: Dockerfile) -> list[list[Any]]:
    """All instructions."""
    lines = [line(arg) for arg in dockerfile.global_args]
    for stage in dockerfile.stages:
        source = stage.source
        base = {"base": source.base, "name": source.name, "platform": source.platform}
        lines += [["FROM", base], *map(line, stage.instructions)]
    return lines


def line(one: Instruction) -> list[Any]:  # noqa: C901, PLR0911, PLR0912 - a table
    """One instruction: its name, and what it holds."""
    match one:
        case Env(pairs=pairs):
            return ["ENV", list(map(list, pairs))]
        case Label(pairs=pairs):
            return ["LABEL", list(map(list, pairs))]
        case Arg(pairs=pairs):
            return ["ARG", list(map(list, pairs))]
        case Add():
            more = {"checksum": one.checksum, "keep_git_dir": one.keep_git_dir}
            return ["ADD", {**files(one), **more, "unpack": one.unpack}]
        case Copy():
            return ["COPY", {**files(one), "from": one.from_, "parents": one.parents}]
        case Run(command=command, heredocs=heredocs):
            found = [
                {"name": heredoc.name, "body": heredoc.body, "chomp": heredoc.chomp}
                for heredoc in heredocs
            ]
            return ["RUN", {**words(command), "heredocs": found}]
        case Cmd(command=command):
            return ["CMD", words(command)]
        case Entrypoint(command=command):
            return ["ENTRYPOINT", words(command)]
        case HealthCheck():
            return ["HEALTHCHECK", health(one)]
        case OnBuild(text=text):
            return ["ONBUILD", text]
        case Workdir(path=path):
            return ["WORKDIR", path]
        case User(user=user):
            return ["USER", user]
        case Expose(ports=ports):
            return ["EXPOSE", sorted(ports)]
        case Volume(paths=paths):
            return ["VOLUME", list(paths)]
        case StopSignal(signal=signal):
            return ["STOPSIGNAL", signal]
        case Shell(words=found):
            return ["SHELL", list(found)]
        case Maintainer(name=name):
            return ["MAINTAINER", name]
        case _:
            raise AssertionError(one)


def files(one: Copy | Add) -> dict[str, Any]:
    """What COPY and ADD have in common."""
    found = {name: listed(getattr(one, name)) for name in COPY_FIELDS}
    heredocs = [
        {"name": heredoc.name, "body": heredoc.body, "expand": heredoc.expand}
        for heredoc in one.heredocs
    ]
    return {**found, "heredocs": heredocs}


def listed(value: Any) -> Any:
    """JSON has no tuples."""
    return list(value) if isinstance(value, tuple) else value


def words(command: Command) -> dict[str, Any]:
    """A command."""
    return {"words": list(command.words), "shell": command.shell}


def health(one: HealthCheck) -> dict[str, Any]:
    """A check, its durations in nanoseconds."""
    flags = dict(one.flags)
    test = ["NONE"]
    if one.command is not None:
        test = ["CMD-SHELL" if one.command.shell else "CMD", *one.command.words]
    durations = {name: parse_duration_ns(flags.get(name, "0s")) for name in DURATIONS}
    return {"test": test, "retries": int(flags.get("retries", "0")), **durations}


def comparable(answer: dict[str, Any]) -> list[Any] | None:
    """BuildKit's answer with nothing and an empty list told the same; None where it refuses."""
    if "error" in answer:
        return None
    return [alike(name, value) for name, value in answer["instructions"]]


def alike(name: str, value: Any) -> list[Any]:
    """One instruction of an answer."""
    if name == "HEALTHCHECK":
        return [
            name,
            {
                "test": value["test"],
                "retries": value["retries"],
                **{key: parse_duration_ns(value[key]) for key in DURATIONS},
            },
        ]
    if isinstance(value, dict):
        lists = ("exclude", "sources", "words", "heredocs")
        value = {key: item or [] if key in lists else item for key, item in value.items()}
    return [name, value or []]
