import pytest

from pybuild.rootfs.lines import LineSplitter


def split(*chunks):
    lines = []
    splitter = LineSplitter(lines.append)
    for chunk in chunks:
        splitter.feed(chunk)
    splitter.end()
    return lines


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b""], []),
        ([b"a\nb\n"], ["a", "b"]),
        ([b"a", b"b\nc"], ["ab", "c"]),
        ([b"\n\n"], ["", ""]),
        ([b"dos\r\n"], ["dos"]),
        ([b"dos\r", b"\n"], ["dos"]),
        ([b"10%\r20%\r100%\n"], ["100%"]),
        ([b"10%\r20%\r"], ["20%"]),
        ([b"\xc3", b"\xa9\n"], ["é"]),
        ([b"\xff!\n"], ["�!"]),
        ([b"x" * 65536 + b"y\n"], ["x" * 65536, "y"]),
        ([b"x" * 65536, b"\n"], ["x" * 65536]),
    ],
)
def test_output_becomes_lines(chunks, lines):
    assert split(*chunks) == lines


def test_a_line_without_an_end_comes_in_pieces_before_the_end():
    lines = []
    LineSplitter(lines.append).feed(b"x" * 200_000)
    assert [len(line) for line in lines] == [65536, 65536, 65536]
