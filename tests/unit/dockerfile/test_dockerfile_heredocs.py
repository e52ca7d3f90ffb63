"""Heredocs of RUN, COPY and ADD (the forms of BuildKit's parser_heredoc_test.go)."""

import pytest

from pybuild.dockerfile.instructions import Heredoc
from pybuild.dockerfile.parser import parse


def instructions(text: str):
    return parse(f"FROM x\n{text}", file="Dockerfile").stages[0].instructions


def doc(
    name: str, body: str = "", *, expand: bool = True, descriptor: str = "", chomp: bool = False
):
    return Heredoc(name, body, expand, descriptor, chomp)


@pytest.mark.parametrize(
    ("text", "heredocs"),
    [
        ("RUN <<E\nE", (doc("E"),)),
        ("RUN 3<<E\nE", (doc("E", descriptor="3"),)),
        ("RUN <<E\n\ta\n # b \\\n\nE", (doc("E", "\ta\n # b \\\n\n"),)),
        ("RUN <<-E\n\ta\n\t\tb\n\tE", (doc("E", "\ta\n\t\tb\n", chomp=True),)),
        ("RUN <<-'E'\n\t$x\nE", (doc("E", "\t$x\n", expand=False, chomp=True),)),
        ("RUN <<E python3\n1\nE", (doc("E", "1\n"),)),
        ("RUN cat <<A <<B > x\n1\nA\n2\nB", (doc("A", "1\n"), doc("B", "2\n"))),
        ("RUN <<eo'f'\na\neof", (doc("eof", "a\n", expand=False),)),
        ("RUN <<eo\\'f\na\neo'f", (doc("eo'f", "a\n"),)),
        ('RUN <<"e\\"o"\na\ne"o', (doc('e"o', "a\n", expand=False),)),
        ("RUN <<'one two'\na\none two", (doc("one two", "a\n", expand=False),)),
        ("RUN <<$E\n$E", (doc("$E"),)),
        ("RUN <<  E > x\nE", (doc("E"),)),
        ("RUN <<- E\n\tE", (doc("E", chomp=True),)),
        ("RUN << -E\n-E", (doc("-E"),)),
        ("RUN <<E\r\na\r\nE\r\n", (doc("E", "a\r\n"),)),
        ("RUN --mount=type=cache,target=/x <<E\na\nE", (doc("E", "a\n"),)),
        ("RUN a \\\n <<E\n1\nE", (doc("E", "1\n"),)),
        # No heredocs:
        ('RUN "<<E"', ()),
        ("RUN cat <<<E", ()),
        ("RUN echo $((1<<3))", ()),
        ("RUN don't <<E", ()),
        ('RUN ["<<E"]', ()),
        ("RUN cat <<''", ()),
        ("RUN cat <<", ()),
    ],
)
def test_run_takes_the_bodies_of_its_heredocs_as_written(text, heredocs):
    run = instructions(f"{text}\nCMD next")[0]
    assert run.heredocs == heredocs
    assert len(instructions(f"{text}\nCMD next")) == 2


def test_the_command_keeps_the_word_that_opens_a_heredoc():
    assert instructions("RUN cat <<E > x\na\nE")[0].command.words == ("cat <<E > x",)


def test_copy_tells_heredocs_from_sources():
    copy = instructions("COPY <<a.txt file <<-'b' /dest\n1\na.txt\n\t2\nb\n")[0]
    assert copy.sources == ("file",)
    assert copy.destination == "/dest"
    assert copy.heredocs == (doc("a.txt", "1\n"), doc("b", "2\n", expand=False, chomp=True))


def test_copy_takes_a_quoted_name_and_blanks_before_a_name():
    copy = instructions("COPY <<'a b' << c /d/\na b\nc\n")[0]
    assert [heredoc.name for heredoc in copy.heredocs] == ["a b", "c"]
    assert copy.sources == ()


def test_an_array_opens_no_heredoc():
    assert instructions('COPY ["<<E", "/x"]')[0].sources == ("<<E",)


def test_other_instructions_have_none():
    user, cmd = instructions("USER <<E\nCMD E")
    assert (user.user, cmd.command.words) == ("<<E", ("E",))
