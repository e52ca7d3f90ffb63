"""Durations of HEALTHCHECK's flags, as Go's ``time.ParseDuration`` reads them."""

import pytest

from pybuild.dockerfile.durations import duration_text, parse_duration_ns


@pytest.mark.parametrize(
    ("text", "duration_ns"),
    [
        ("0", 0),
        ("+5s", 5_000_000_000),
        ("-1ms", -1_000_000),
        ("1h30m0.5s", 5_400_500_000_000),
        ("1.s", 1_000_000_000),
        (".5ms", 500_000),
        ("1us2µs3μs4ns", 6_004),
    ],
)
def test_a_duration_is_nanoseconds(text, duration_ns):
    assert parse_duration_ns(text) == duration_ns


@pytest.mark.parametrize("text", ["", "5", "s", ".s", "1d", "1s ", "-", "9999999999h", "1e3s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="invalid duration"):
        parse_duration_ns(text)


@pytest.mark.parametrize(
    "text", ["0s", "1ns", "1.5\u00b5s", "250ms", "1.5s", "30s", "1m30s", "2m0s", "1h0m0.5s", "-5s"]
)
def test_a_duration_is_printed_as_go_prints_it(text):
    assert duration_text(parse_duration_ns(text)) == text
