"""No input makes the Dockerfile room fail otherwise than it says, or work without an end.

20 000 inputs here; ``tests/long`` has a million of the same.
"""

import contextlib

import pytest

from property import dockerfile_checks as checks
from pybuild.dockerfile.expand import ExpansionError, expand
from pybuild.dockerfile.source import MAX_LINE_BYTES
from tools import dockerfile_fuzz as fuzz

SEED = 0
KINDS = (
    (fuzz.dockerfile, checks.check_dockerfile, 9000),
    (fuzz.dockerfile, checks.check_trigger, 2000),
    (fuzz.dockerfile, checks.check_any_text, 2000),
    (fuzz.word, checks.check_word, 4000),
    (fuzz.ignored, checks.check_ignored, 3000),
)


@pytest.mark.parametrize(("make", "check", "count"), KINDS)
def test_whatever_comes_in_is_read_or_refused(make, check, count):
    fuzz.each(SEED, count, make, check)


@pytest.mark.parametrize("number", range(len(fuzz.slow_words(1))))
def test_a_word_as_long_as_a_line_may_be_comes_to_an_end(number):
    """Where the work grew with the square of its length it would not, by far."""
    word = fuzz.slow_words(MAX_LINE_BYTES)[number]
    with fuzz.bounded(), contextlib.suppress(ExpansionError):
        expand(word, {"a": "a" * MAX_LINE_BYTES})


def test_what_never_ends_is_found():
    def check(_):
        while True:
            pass

    with pytest.raises(fuzz.TooMuchWork) as raised, fuzz.bounded(0.1):
        check(None)
    assert raised.value
