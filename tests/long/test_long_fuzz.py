"""A million inputs to the parser, to expansion and to ignore patterns."""

import pytest

from property.test_dockerfile_fuzz import KINDS
from tools import dockerfile_fuzz as fuzz

SEED = 1
TIMES = 50

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]


@pytest.mark.parametrize(("make", "check", "count"), KINDS)
def test_a_million_inputs_are_read_or_refused(make, check, count):
    fuzz.each(SEED, count * TIMES, make, check)


def test_it_is_a_million():
    assert TIMES * sum(count for _, _, count in KINDS) == 1_000_000
