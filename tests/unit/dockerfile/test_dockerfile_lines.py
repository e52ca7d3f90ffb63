"""Text → logical lines: what RUN's shell gets, and which lines an instruction has."""

import pytest

from pybuild.dockerfile.parser import parse


def instructions(text: str):
    return parse(text, file="Dockerfile").stages[0].instructions


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("RUN a \\\n  && b", "a   && b"),
        ("RUN a \\  \t\n b", "a  b"),
        ("RUN a \\\r\n  b\r\n", "a   b"),
        ("RUN a \\\n# comment\n   # indented\n  b", "a   b"),
        ("RUN a \\\n\n   \n  b", "a   b"),
        ("RUN a \\\n  b \\", "a   b"),
        ("RUN a \\\n  b # c \\\n d", "a   b # c  d"),
        ("   RUN   a  ", "a"),
        ("\\\nRUN a", "a"),
        ("RUN a\\\\", "a\\\\"),
        ("RUN a\\x", "a\\x"),
    ],
    ids=repr,
)
def test_continued_lines_are_joined_as_buildkit_joins_them(text, command):
    assert instructions(f"FROM x\n{text}")[0].command.words == (command,)


def test_an_escaped_escape_continues_nothing():
    two = instructions("FROM x\nRUN a \\\\\nRUN b")
    assert [run.command.words[0] for run in two] == ["a \\\\", "b"]


def test_the_original_is_the_joined_line():
    run = instructions("FROM x\n  RUN --network=none a \\\n  # c\n   b\n")[0]
    assert run.original == "RUN --network=none a    b"


def test_a_location_spans_all_lines_of_an_instruction():
    dockerfile = parse("# c\n\nFROM x\n# d\nRUN a \\\n\n b\nRUN <<E\n1\nE\nCMD c", file="f")
    spans = [
        (i.location.first_line, i.location.last_line) for i in dockerfile.stages[0].instructions
    ]
    assert spans == [(5, 7), (8, 10), (11, 11)]
    assert dockerfile.stages[0].source.location.first_line == 3


def test_lines_stand_without_ends_and_byte_order_mark():
    assert parse("\ufeffFROM x\r\nRUN a\n", file="f").lines == ("FROM x", "RUN a")


def test_the_back_tick_escapes_where_the_directive_says_so():
    dockerfile = parse("# escape=`\nFROM x\nRUN a `\n b\\\nCOPY c:\\ d:\\\n", file="f")
    assert dockerfile.escape == "`"
    run, copy = dockerfile.stages[0].instructions
    assert (run.command.words[0], copy.sources) == ("a  b\\", ("c:\\",))


@pytest.mark.parametrize(
    ("head", "directives"),
    [
        ("# Syntax = docker/dockerfile:1.7-labs\n#check=skip=A;error=true \n",
         (("syntax", "docker/dockerfile:1.7-labs"), ("check", "skip=A;error=true"))),
        ("# a comment\n# escape=`\n", ()),
        ("\n# escape=`\n", ()),
        ("# unknown=1\n# escape=`\n", ()),
        ("#!/usr/bin/env x\n# syntax=docker/dockerfile\n", (("syntax", "docker/dockerfile"),)),
        ("# syntax=reg.local:5000/mirror/docker/dockerfile-upstream@sha256:12 extra\n",
         (("syntax", "reg.local:5000/mirror/docker/dockerfile-upstream@sha256:12 extra"),)),
        ("# syntax=reg.local:5000/docker/dockerfile\n",
         (("syntax", "reg.local:5000/docker/dockerfile"),)),
    ],
)  # fmt: skip
def test_directives_stand_at_the_head(head, directives):
    assert parse(f"{head}FROM x", file="f").directives == directives
