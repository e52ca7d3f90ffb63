"""The memory of builds of a size that nobody waits for in CI."""

import pytest

from tools import heavy_build

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

FILE_BYTES = 5 << 30
FILES = 400_000
MOST_BYTES = 200_000_000


@pytest.fixture
def reference(open_registry, repository):
    return f"{open_registry.host}/{repository}:v1"


def report(record_property, heavy):
    """Leave the figure in the report and among what the test printed (`pytest -rP`)."""
    record_property("peak_bytes", heavy.peak_bytes)
    print(f"peak memory: {heavy.peak_bytes / 1e6:.0f} MB")  # noqa: T201 - the measurement


def test_a_file_of_5_gib(run_image, open_registry, reference, tmp_path, record_property):
    context = heavy_build.large_file(tmp_path / "project", open_registry.host, FILE_BYTES)
    heavy = heavy_build.build(run_image, reference, context, files=1)
    report(record_property, heavy)
    assert heavy.peak_bytes <= heavy.allowed_bytes


def test_400_000_files(run_image, open_registry, reference, tmp_path, record_property):
    context = heavy_build.many_files(tmp_path / "project", open_registry.host, FILES)
    heavy = heavy_build.build(run_image, reference, context, files=FILES)
    report(record_property, heavy)
    assert heavy.peak_bytes <= MOST_BYTES
