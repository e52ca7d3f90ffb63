"""A build takes no more memory for a large file, and little for many; `tests/long` has more."""

import pytest

from tools import heavy_build

FILE_BYTES = 256 << 20
FILES = 20_000


@pytest.fixture
def reference(open_registry, repository):
    return f"{open_registry.host}/{repository}:v1"


def test_memory_does_not_grow_with_a_file(run_image, open_registry, reference, tmp_path):
    context = heavy_build.large_file(tmp_path / "project", open_registry.host, FILE_BYTES)
    heavy = heavy_build.build(run_image, reference, context, files=1)
    assert heavy.peak_bytes <= heavy.allowed_bytes


def test_memory_grows_little_with_each_file(run_image, open_registry, reference, tmp_path):
    context = heavy_build.many_files(tmp_path / "project", open_registry.host, FILES)
    heavy = heavy_build.build(run_image, reference, context, files=FILES)
    assert heavy.peak_bytes <= heavy.allowed_bytes
