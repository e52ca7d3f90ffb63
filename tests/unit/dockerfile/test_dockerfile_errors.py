"""What is wrong with a Dockerfile: message, line and excerpt."""

import pytest

from pybuild.dockerfile.location import Location
from pybuild.dockerfile.parser import parse, parse_trigger
from pybuild.errors import DockerfileError

NO_DESTINATION = (
    "requires at least two arguments, but only one was provided."
    " Destination could not be determined"
)
STAGE_NAME = "name can't start with a number or contain symbols"
ANOTHER = "is not supported: this builder reads docker/dockerfile itself"

LAST_LINE = [
    ("FRM x", "unknown instruction: FRM (did you mean FROM?)"),
    ("frm x", "unknown instruction: frm (did you mean FROM?)"),
    ("WHATEVER", "unknown instruction: WHATEVER"),
    ("\x1b[2J", "unknown instruction: \\x1b[2J"),
    ("FROM", "FROM requires either one or three arguments"),
    ("FROM a b", "FROM requires either one or three arguments"),
    ("FROM a is b", "FROM requires either one or three arguments"),
    ("FROM a AS 1b", f'invalid name for build stage: "1b", {STAGE_NAME}'),
    ("FROM --platfrm=x a", "unknown flag: --platfrm (did you mean --platform?)"),
    ("ENV", "ENV requires at least one argument"),
    ("ENV a", "ENV must have two arguments"),
    ("ENV =a", "ENV names can not be blank"),
    ("ENV a=b c", 'Syntax error - can\'t find = in "c". Must be of the form: name=value'),
    ("LABEL a", "LABEL must have two arguments"),
    ("ARG", "ARG requires at least one argument"),
    ("ARG =x", "ARG names can not be blank"),
    ("COPY", f"COPY {NO_DESTINATION}"),
    ("ADD a", f"ADD {NO_DESTINATION}"),
    ("COPY --chwon=1 a b", "unknown flag: --chwon (did you mean --chown?)"),
    ("COPY --checksum=1 a b", "unknown flag: --checksum"),
    ("COPY --chown a b", "missing a value on flag: --chown"),
    ("COPY --link= a b", "missing a value on flag: --link"),
    ("COPY --link=1 a b", "expecting boolean value for flag --link, not: 1"),
    ("COPY --from=a --from=b c d", "duplicate flag specified: --from"),
    ("RUN --mount x", "missing a value on flag: --mount"),
    ("RUN --network=nine x", 'invalid network mode "nine" (did you mean none?)'),
    ("RUN --security=x y", 'invalid security mode "x"'),
    ("RUN []", "RUN requires at least one argument"),
    ("RUN [1]", "when using JSON array syntax, arrays must be comprised of strings only"),
    ("CMD --x=1 y", "unknown flag: --x"),
    ("SHELL", "SHELL requires at least one argument"),
    ("SHELL []", "SHELL requires at least one argument"),
    ("SHELL bash -c", "SHELL requires the arguments to be in JSON form"),
    ("EXPOSE", "EXPOSE requires at least one argument"),
    ("VOLUME", "VOLUME requires at least one argument"),
    ('VOLUME [" "]', "VOLUME specified can not be an empty string"),
    ("USER", "USER requires exactly one argument"),
    ("WORKDIR", "WORKDIR requires exactly one argument"),
    ("STOPSIGNAL", "STOPSIGNAL requires exactly one argument"),
    ("MAINTAINER", "MAINTAINER requires exactly one argument"),
    ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
    ("HEALTHCHECK CMD", "missing command after HEALTHCHECK CMD"),
    ("HEALTHCHECK CMD []", "missing command after HEALTHCHECK CMD"),
    ("HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"),
    ("HEALTHCHECK WGET x", 'unknown type "WGET" in HEALTHCHECK (try CMD)'),
    ("HEALTHCHECK --interval=5 CMD x", 'invalid duration "5" for flag --interval'),
    ("HEALTHCHECK --timeout=1us CMD x", 'interval "timeout" cannot be less than 1ms'),
    ("HEALTHCHECK --retries=x CMD x", "--retries must be a number, not: x"),
    ("HEALTHCHECK --retries=-1 CMD x", "--retries cannot be negative (-1)"),
    ("ONBUILD", "ONBUILD requires at least one argument"),
    ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
    ("ONBUILD from x", "FROM isn't allowed as an ONBUILD trigger"),
    ("ONBUILD MAINTAINER x", "MAINTAINER isn't allowed as an ONBUILD trigger"),
    ("ONBUILD RNU x", "unknown instruction: RNU (did you mean RUN?)"),
    ("RUN <<E", "unterminated heredoc"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), LAST_LINE, ids=[line for line, _ in LAST_LINE])
def test_a_wrong_instruction_is_named_and_shown(line, message):
    with pytest.raises(DockerfileError) as caught:
        parse(f"FROM x\nRUN 1\nRUN 2\n{line}\n", file="Dockerfile")
    assert caught.value.message == message
    assert caught.value.excerpt == "\n".join(
        [
            "Dockerfile:4",
            "--------------------",
            "   2 |     RUN 1",
            "   3 |     RUN 2",
            f"   4 | >>> {line}",
            "--------------------",
        ]
    )


@pytest.mark.parametrize(
    ("text", "message", "first_line"),
    [
        ("", "file with no instructions", 1),
        ("# only\n\n", "file with no instructions", 1),
        ("ARG x", "dockerfile contains no stages to build", 1),
        ("ARG a\nRUN x\nFROM y", "no build stage in current context", 2),
        ("# escape=x\nFROM a", "invalid escape token 'x' does not match ` or \\", 1),
        ("# escape=`\n# Escape=`\nFROM a", "only one escape parser directive can be used", 2),
        ("# syntax=example.com/mine:1\nFROM a", f"frontend example.com/mine:1 {ANOTHER}", 1),
        ("# syntax=notdocker/dockerfile\nFROM a", f"frontend notdocker/dockerfile {ANOTHER}", 1),
        ("FROM x\n#\nCOPY a <<E\n1\nE", "COPY cannot accept a heredoc as a destination", 3),
    ],
)  # fmt: skip
def test_a_wrong_file_is_shown_from_the_line_that_is_wrong(text, message, first_line):
    with pytest.raises(DockerfileError) as caught:
        parse(text, file="build/Dockerfile")
    assert caught.value.message == message
    assert caught.value.excerpt.startswith(f"build/Dockerfile:{first_line}\n")


def test_every_line_of_a_wrong_instruction_is_marked():
    with pytest.raises(DockerfileError) as caught:
        parse("FROM a\nENV \\\n  x\nRUN b\nRUN c\nRUN d", file="f")
    assert caught.value.excerpt.splitlines()[2:-1] == [
        "   1 |     FROM a",
        "   2 | >>> ENV \\",
        "   3 | >>>   x",
        "   4 |     RUN b",
        "   5 |     RUN c",
    ]


def test_an_open_heredoc_says_how_to_close_it():
    with pytest.raises(DockerfileError) as caught:
        parse("FROM a\nRUN <<-'END'\n END\nENDE\n", file="f")
    assert caught.value.hint == "close it with a line that is END and nothing else"


def test_a_line_of_65535_bytes_is_read_and_one_more_is_not():
    filler = "x" * (65535 - len("RUN ") - len("é".encode())) + "é"
    parse(f"FROM a\nRUN {filler}", file="f")
    with pytest.raises(DockerfileError, match="greater than max allowed size of 65535"):
        parse(f"FROM a\nRUN x{filler}", file="f")


@pytest.mark.parametrize("text", ["RUN a\nRUN b", "", "FROM x"])
def test_a_trigger_is_one_instruction_and_no_from(text):
    with pytest.raises(DockerfileError, match="trigger"):
        parse_trigger(text, file="base")


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        (1, 1, ["   1 | >>> FROM a", "   2 |     RUN 1", "   3 |"]),
        (
            2,
            3,
            [
                "   1 |     FROM a",
                "   2 | >>> RUN 1",
                "   3 | >>>",
                "   4 |     RUN 3",
                "   5 |     RUN 4",
            ],
        ),
        (6, 6, ["   4 |     RUN 3", "   5 |     RUN 4", "   6 | >>> RUN 5"]),
    ],
)
def test_an_excerpt_marks_its_lines_and_shows_two_around_them(first, last, shown):
    dockerfile = parse("FROM a\nRUN 1\n\nRUN 3\nRUN 4\nRUN 5", file="f")
    rule = "-" * 20
    expected = "\n".join([f"f:{first}", rule, *shown, rule])
    assert dockerfile.excerpt(Location("f", first, last)) == expected


def test_a_nul_character_is_refused():
    with pytest.raises(DockerfileError, match="NUL character") as caught:
        parse("FROM a\nRUN echo a\0b\n", file="f")
    assert ">>>" in caught.value.excerpt
