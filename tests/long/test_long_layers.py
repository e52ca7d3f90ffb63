"""The layers of `tests/e2e/test_layers_survive.py` with 100 000 entries."""

import pytest

from tools import odd_layers, survival
from tools.docker_registry import PROGRAMS, docker_registry

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

FILES = 100_000


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    return odd_layers.make(tmp_path_factory.mktemp("odd"), FILES)


@pytest.mark.parametrize("version", PROGRAMS)
def test_a_hundred_thousand_entries_survive(run_image, odd, version, tmp_path):
    with docker_registry(tmp_path, version=version) as registry:
        built = survival.build(run_image, odd, registry.host)

        survival.validate(built)
        found = survival.unpacked(built, tmp_path)

    assert survival.differences(found, odd) == []
