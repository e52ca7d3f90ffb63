"""Every instruction: text → typed value."""

import pytest

from pybuild.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Command,
    Copy,
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
from pybuild.dockerfile.location import Location
from pybuild.dockerfile.parser import parse, parse_trigger

HERE = Location("Dockerfile", 2, 2)


def parsed(line: str) -> Instruction:
    """The instruction of one line behind a FROM."""
    return parse(f"FROM scratch\n{line}\n", file="Dockerfile").stages[0].instructions[0]


def text(shell_text: str) -> Command:
    return Command(words=(shell_text,), shell=True)  # noqa: S604 - a value, not a process


def array(*words: str) -> Command:
    return Command(words, shell=False)


CASES = [
    # RUN: what the shell gets is the text as it stands, or an array to execute.
    (Run, "RUN echo  $HOME 'a  b' # data", {"command": text("echo  $HOME 'a  b' # data")}),
    (Run, 'RUN ["a", "b c"]', {"command": array("a", "b c")}),
    (Run, "run x", {"command": text("x")}),
    (Run, "RUN", {"command": text("")}),
    (Run, "RUN --network=none --security=insecure x",
     {"command": text("x"), "network": "none", "security": "insecure"}),
    (Run, "RUN --mount=type=cache,target=/c --mount=type=secret,id=s --device=gpu -- --x",
     {"command": text("--x"), "mounts": ("type=cache,target=/c", "type=secret,id=s"),
      "devices": ("gpu",)}),
    (Run, 'RUN --mount=type=bind,source="a b",target=/x\\ y ls',
     {"command": text("ls"), "mounts": ("type=bind,source=a b,target=/x y",)}),
    # What is no JSON array silently is the other form (jeztah's test files).
    (Run, "RUN ['a', 'b']", {"command": text("['a', 'b']")}),
    (Run, 'RUN ["a"', {"command": text('["a"')}),
    (Run, 'RUN ["a",]', {"command": text('["a",]')}),
    (Run, 'RUN ["a"] && b', {"command": text('["a"] && b')}),
    (Run, "RUN [NaN]", {"command": text("[NaN]")}),
    (Run, 'RUN ["\\ud800"]', {"command": array("\ufffd")}),
    (Cmd, "CMD []", {"command": array()}),
    (Cmd, "CMD", {"command": text("")}),
    (Cmd, "CMD echo hi", {"command": text("echo hi")}),
    (Entrypoint, 'ENTRYPOINT ["/x", "--y"]', {"command": array("/x", "--y")}),
    (Shell, 'SHELL ["/bin/bash", "-c"]', {"words": ("/bin/bash", "-c")}),
    (HealthCheck, "HEALTHCHECK NONE", {"command": None}),
    (HealthCheck, "HEALTHCHECK --interval=5m --retries=3 CMD curl -f x || exit 1",
     {"command": text("curl -f x || exit 1"), "flags": (("interval", "5m"), ("retries", "3"))}),
    (HealthCheck, 'HEALTHCHECK cmd ["a", "b"]', {"command": array("a", "b")}),
    # COPY and ADD.
    (Copy, "COPY a b/", {"sources": ("a",), "destination": "b/"}),
    (Copy, "COPY  a\t$b  /c", {"sources": ("a", "$b"), "destination": "/c"}),
    (Copy, 'COPY ["a b", "/c d"]', {"sources": ("a b",), "destination": "/c d"}),
    (Copy, 'COPY "a b" /c', {"sources": ('"a', 'b"'), "destination": "/c"}),
    (Copy, "COPY --from=build --chown=1:2 --chmod=u=rwX,go-w a b",
     {"sources": ("a",), "destination": "b", "from_": "build", "chown": "1:2",
      "chmod": "u=rwX,go-w"}),
    (Copy, "COPY --link --parents --exclude=*.o --exclude=x a b",
     {"sources": ("a",), "destination": "b", "link": True, "parents": True,
      "exclude": ("*.o", "x")}),
    (Copy, "COPY --link=FALSE a b", {"sources": ("a",), "destination": "b", "link": False}),
    (Add, "ADD a.tar /", {"sources": ("a.tar",), "destination": "/", "unpack": None}),
    (Add, "ADD --unpack=false --checksum=sha256:1 --keep-git-dir https://x/y /",
     {"sources": ("https://x/y",), "destination": "/", "unpack": False, "checksum": "sha256:1",
      "keep_git_dir": True}),
    # Words keep their quotes: expansion takes them away.
    (Env, "ENV a=1 b=\"x y\" c='z' d=e\\ f", {"pairs": (
        ("a", "1"), ("b", '"x y"'), ("c", "'z'"), ("d", "e\\ f"))}),
    (Env, "ENV a=", {"pairs": (("a", ""),)}),
    (Env, "ENV a  b=c  d", {"pairs": (("a", "b=c  d"),)}),
    (Env, 'ENV a="b', {"pairs": (("a", '"b'),)}),
    (Label, 'LABEL "com.example.vendor"="ACME Inc"',
     {"pairs": (('"com.example.vendor"', '"ACME Inc"'),)}),
    (Label, "LABEL maintainer me and you", {"pairs": (("maintainer", "me and you"),)}),
    (Arg, "ARG a b= c=$a/x", {"pairs": (("a", None), ("b", ""), ("c", "$a/x"))}),
    (Workdir, "WORKDIR /a b", {"path": "/a b"}),
    (User, "USER app:$GID", {"user": "app:$GID"}),
    (Expose, "EXPOSE 80 443/tcp 8000-8010/UDP", {"ports": ("80", "443/tcp", "8000-8010/UDP")}),
    (Volume, "VOLUME /a /b", {"paths": ("/a", "/b")}),
    (Volume, 'VOLUME ["/a b"]', {"paths": ("/a b",)}),
    (StopSignal, "STOPSIGNAL SIGQUIT", {"signal": "SIGQUIT"}),
    (Maintainer, "MAINTAINER A B <a@b>", {"name": "A B <a@b>"}),
    (OnBuild, "ONBUILD  RUN  make", {"text": "RUN  make"}),
    (OnBuild, 'onbuild COPY ["a", "b"]', {"text": 'COPY ["a", "b"]'}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "line", "fields"), CASES, ids=[line for _, line, _ in CASES])
def test_an_instruction_becomes_its_value(kind, line, fields):
    assert parsed(line) == kind(HERE, line, **fields)


@pytest.mark.parametrize(
    ("line", "base", "name", "platform"),
    [
        ("FROM alpine", "alpine", "", ""),
        ("from alpine:3 as Build-1", "alpine:3", "build-1", ""),
        ("FROM --platform=$BUILDPLATFORM a AS b", "a", "b", "$BUILDPLATFORM"),
        ("FROM ${BASE:-x} AS x_y.z", "${BASE:-x}", "x_y.z", ""),
    ],
)
def test_from_opens_a_stage(line, base, name, platform):
    source = parse(line, file="f").stages[0].source
    assert (source.base, source.name, source.platform) == (base, name, platform)


def test_stages_hold_what_follows_their_from():
    dockerfile = parse("ARG a\nARG b=1\nFROM x\nRUN 1\nFROM y\nFROM z\nRUN 2\nRUN 3", file="f")
    assert [arg.pairs for arg in dockerfile.global_args] == [(("a", None),), (("b", "1"),)]
    assert [stage.index for stage in dockerfile.stages] == [0, 1, 2]
    assert [len(stage.instructions) for stage in dockerfile.stages] == [1, 0, 2]


def test_a_trigger_of_a_base_image_is_one_instruction():
    assert parse_trigger("COPY a b", file="alpine") == Copy(
        Location("alpine", 1, 1), "COPY a b", ("a",), "b"
    )


def test_a_trigger_keeps_the_bodies_of_its_heredocs():
    onbuild = (
        parse("FROM x\nONBUILD RUN <<-E\n\techo $x\n\tE\n", file="f").stages[0].instructions[0]
    )
    assert onbuild == OnBuild(Location("f", 2, 4), "ONBUILD RUN <<-E", "RUN <<-E\n\techo $x\nE")
    run = parse_trigger(onbuild.text, file="f")
    assert run.heredocs[0].body == "\techo $x\n"
