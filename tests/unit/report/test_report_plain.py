"""Events become BuildKit's plain log."""

import io
import threading

import pytest

from pybuild.digest import sha256_of
from pybuild.events import (
    BlobMoved,
    BuildWarning,
    Debug,
    VertexDone,
    VertexFailed,
    VertexLog,
    VertexStarted,
)
from pybuild.masking import Masker
from pybuild.report.lines import Lines
from pybuild.report.plain import Level, PlainLog

DIGEST = sha256_of(b"layer")


def printed(*events, level=Level.PROGRESS, secrets=(), folds=None):
    stream = io.StringIO()
    log = PlainLog(Lines(stream, Masker(secrets)), level, folds and folds(stream))
    for event in events:
        log.emit(event)
    return stream.getvalue()


BUILD = (
    VertexStarted(1, "[internal] load build definition", 0.0),
    VertexDone(1, 0.04),
    VertexStarted(2, "[1/3] FROM debian", 0.1),
    VertexDone(2, 0.2, cached=True),
    BlobMoved("pulled", DIGEST, 12_580_000, "r.io/debian"),
    BlobMoved("exists", DIGEST, 12_580_000, "r.io/debian"),
    Debug("a detail"),
    VertexStarted(3, "[2/3] RUN make", 1.0),
    VertexLog(3, 1.312, "compiling"),
    VertexLog(3, 1.4, ""),
    VertexDone(3, 4.4),
)

GOLDEN = f"""
#1 [internal] load build definition
#1 DONE 0.0s

#2 [1/3] FROM debian
#2 CACHED
pulled {DIGEST} 12.6MB r.io/debian

#3 [2/3] RUN make
#3 0.312 compiling
#3 0.400
#3 DONE 3.4s
"""


def test_a_build():
    assert printed(*BUILD) == GOLDEN


def test_what_a_run_prints_may_go_elsewhere():
    out, err = io.StringIO(), io.StringIO()
    log = PlainLog(Lines(err, Masker()), run_lines=Lines(out, Masker()))
    for event in (
        VertexStarted(1, "[internal] load RUN", 0.0),
        VertexLog(1, 0.5, "transferring"),
        VertexDone(1, 1.0),
        VertexStarted(2, "[builder 2/3] RUN make", 1.0),
        VertexLog(2, 1.5, "a\rb"),
        VertexFailed(2, 2.0, "exit code: 2"),
    ):
        log.emit(event)

    assert out.getvalue() == "#2 0.500 a\n#2 0.500 b\n"
    assert "#1 0.500 transferring\n" in err.getvalue()
    assert err.getvalue().endswith(
        "#2 ERROR: exit code: 2\n------\n > [builder 2/3] RUN make:\n0.500 a\n0.500 b\n------\n"
    )


def test_details_are_for_those_who_ask():
    text = printed(*BUILD, level=Level.DETAILS)

    assert f"exists {DIGEST} 12.6MB r.io/debian\ndebug: a detail\n" in text


def test_vertices_that_overlap_print_their_header_again():
    assert (
        printed(
            VertexStarted(1, "one", 0.0),
            VertexStarted(2, "two", 0.0),
            VertexLog(1, 1.0, "from one"),
            VertexDone(1, 2.0),
            VertexDone(2, 3.0),
        )
        == """
#1 one
#1 ...

#2 two
#2 ...

#1 one
#1 1.000 from one
#1 DONE 2.0s

#2 two
#2 DONE 3.0s
"""
    )


def test_a_failure_shows_the_last_lines_again():
    logs = [VertexLog(1, 0.5, f"line {n}") for n in range(12)]
    text = printed(
        VertexStarted(1, "[2/2] RUN make", 0.0), *logs, VertexFailed(1, 2.0, "exit code: 2")
    )

    _, _, tail = text.partition("#1 0.500 line 11\n")
    kept = "".join(f"0.500 line {n}\n" for n in range(2, 12))
    assert tail == f"#1 ERROR: exit code: 2\n------\n > [2/2] RUN make:\n{kept}------\n"


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("::error::x", ["#1 0.000 ::error::x"]),
        ("50%\r::set-output name=a::b", ["#1 0.000 50%", "#1 0.000 ::set-output name=a::b"]),
        ("dos\r", ["#1 0.000 dos"]),
    ],
)
def test_every_line_of_a_run_has_its_number(line, lines):
    text = printed(VertexStarted(1, "t", 0.0), VertexLog(1, 0.0, line))

    assert text.splitlines()[2:] == lines


def test_secrets_are_masked():
    text = printed(VertexStarted(1, "RUN echo hunter22", 0.0), VertexLog(1, 0.0, "is hunter22"),
                   secrets=["hunter22"])  # fmt: skip

    assert text == "\n#1 RUN echo ***\n#1 0.000 is ***\n"


def test_only_warnings_and_errors():
    text = printed(
        *BUILD,
        BuildWarning("Code", "message", "Dockerfile", 3),
        BuildWarning("Code", "elsewhere"),
        level=Level.WARNINGS,
    )

    assert text == "WARN: Code: message (Dockerfile:3)\nWARN: Code: elsewhere\n"


class Brackets:
    def __init__(self, stream):
        self.stream = stream

    def open(self, title):
        self.stream.write(f"<{title}\n")

    def close(self):
        self.stream.write(">\n")


def test_results_stand_outside_of_folds():
    text = printed(
        VertexStarted(1, "one", 0.0),
        VertexLog(1, 0.0, "x"),
        VertexStarted(2, "two", 0.0),
        VertexDone(2, 1.0),
        VertexDone(1, 1.0),
        folds=Brackets,
    )

    assert text.split("\n") == [
        "<#1 one", "#1 0.000 x", "#1 ...", ">", "<#2 two", ">", "#2 DONE 1.0s",
        "<#1 one", ">", "#1 DONE 1.0s", "",
    ]  # fmt: skip


def test_many_threads_never_share_a_line():
    stream = io.StringIO()
    log = PlainLog(Lines(stream, Masker()))

    def work(number):
        log.emit(VertexStarted(number, f"title {number}", 0.0))
        for _ in range(50):
            log.emit(VertexLog(number, 0.0, f"from {number}"))
        log.emit(VertexDone(number, 0.0))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    lines = stream.getvalue().splitlines()
    for number in range(1, 5):
        assert lines.count(f"#{number} 0.000 from {number}") == 50
        assert lines.count(f"#{number} DONE 0.0s") == 1
