"""No input makes the Dockerfile room fail otherwise than it says, or work without an end.

20 000 inputs here; ``tests/long`` has a million of the same.
"""

import contextlib
import time

import pytest

from property import dockerfile_checks as checks
from pybuild.dockerfile.expand import ExpansionError, expand
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
def test_the_work_for_a_word_grows_as_the_word_does(number):
    def seconds(length):
        word = fuzz.slow_words(length)[number]
        started = time.process_time()
        with contextlib.suppress(ExpansionError):
            expand(word, {"a": "a" * length})
        return time.process_time() - started

    with fuzz.bounded():
        short = max(seconds(4000), 0.005)
        assert seconds(32000) < 30 * short


def test_what_never_ends_is_found():
    def check(_):
        while True:
            pass

    with pytest.raises(fuzz.TooMuchWork) as raised, fuzz.bounded(0.1):
        check(None)
    assert raised.value
