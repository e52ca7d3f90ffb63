"""Numbers, sizes and durations."""

import pytest

from pybuild.errors import UsageError
from pybuild.settings.quantities import duration_s, number, size_bytes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("1024", 1024),
        ("2k", 2048),
        ("512m", 512 << 20),
        ("512MB", 512 << 20),
        ("10g", 10 << 30),
        ("10GiB", 10 << 30),
        ("1.5g", 3 << 29),
        ("1 T", 1 << 40),
        ("7b", 7),
    ],
)
def test_sizes(text, value):
    assert size_bytes(text, "--x") == value


@pytest.mark.parametrize("text", ["g", "-1", "1x", "1e3", "10 000", "٣", "1gg"])
def test_what_is_no_size(text):
    with pytest.raises(UsageError, match="is not a size"):
        size_bytes(text, "--x")


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("336h", 336 * 3600), ("1h30m", 5400), ("1.5s", 1), ("90m", 5400)]
)
def test_durations(text, value):
    assert duration_s(text, "--x") == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("7", "--x: '7' is not a duration"),
        ("2d", "--x: '2d' is not a duration"),
        ("-1h", "--x: '-1h' is negative"),
    ],
)
def test_what_is_no_duration(text, message):
    with pytest.raises(UsageError) as caught:
        duration_s(text, "--x")

    assert caught.value.message == message


def test_numbers():
    assert number("3", "--x") == 3
    assert number("0", "--x") == 0


@pytest.mark.parametrize(("text", "least"), [("-1", 0), ("x", 0), ("1.0", 0), ("0", 1), ("", 0)])
def test_what_is_no_number(text, least):
    with pytest.raises(UsageError, match=f"is not a whole number from {least} on"):
        number(text, "--x", least=least)
