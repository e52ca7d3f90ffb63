"""A build takes no more memory for a large file, and little for many; `tests/long` has more."""

from functools import partial

from tools import heavy_build

FILE_BYTES = 256 << 20
FILES = 20_000


def test_memory_does_not_grow_with_a_file(run_image):
    context = partial(heavy_build.large_file, FILE_BYTES)
    heavy = heavy_build.build(run_image, context, files=1)
    assert 0 < heavy.peak_bytes <= heavy.allowed_bytes


def test_memory_grows_little_with_each_file(run_image):
    context = partial(heavy_build.many_files, FILES)
    heavy = heavy_build.build(run_image, context, files=FILES)
    assert 0 < heavy.peak_bytes <= heavy.allowed_bytes
