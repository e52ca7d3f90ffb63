"""Lines are whole, masked, and quiet where nobody reads."""

import io
import os

from pybuild.masking import Masker
from pybuild.report.lines import Lines, one_line


def test_line_ends_in_a_text_give_lines():
    stream = io.StringIO()
    Lines(stream, Masker(), guard=lambda line: f"[{line}]").line("a\r\nb\rc\nd")

    assert stream.getvalue() == "[a]\n[b]\n[c]\n[d]\n"


def test_one_line():
    assert one_line("a\r\nb\n\nc") == "a b c"


def test_a_reader_that_went_away_is_no_error():
    read, write = os.pipe()
    os.close(read)
    stream = os.fdopen(write, "w")
    lines = Lines(stream, Masker())

    lines.line("nobody reads this")
    lines.line("nor this")
    stream.close()
