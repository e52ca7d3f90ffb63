"""The memory of builds of a size that nobody waits for in CI."""

from functools import partial

import pytest

from tools import heavy_build

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

FILE_BYTES = 5 << 30
FILES = 400_000


def report(heavy):
    """Among what the test printed: `pytest -rP` shows it."""
    print(f"peak memory: {heavy.peak_bytes / 1e6:.0f} MB")  # noqa: T201 - the measurement


def test_a_file_of_5_gib(run_image):
    context = partial(heavy_build.large_file, FILE_BYTES)
    heavy = heavy_build.build(run_image, context, files=1)
    report(heavy)
    assert 0 < heavy.peak_bytes <= heavy.allowed_bytes


def test_400_000_files(run_image):
    context = partial(heavy_build.many_files, FILES)
    heavy = heavy_build.build(run_image, context, files=FILES, limited=False)
    report(heavy)
    assert 0 < heavy.peak_bytes <= heavy.allowed_bytes
