"""Whatever a layer can hold comes through pull, RUN, push and pull, on both generations of the
reference registry, as checkers that are not ours see it."""

import pytest

from tools import odd_layers, survival
from tools.docker_registry import PROGRAMS, docker_registry

FILES = 10_000


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    return odd_layers.make(tmp_path_factory.mktemp("odd"), FILES)


@pytest.mark.parametrize("version", PROGRAMS)
def test_layers_survive_pull_run_push_and_pull(run_image, odd, version, tmp_path):
    with docker_registry(tmp_path, version=version) as registry:
        built = survival.build(run_image, odd, registry.host)

        survival.validate(built)
        found = survival.unpacked(built, tmp_path)

    assert survival.differences(found, odd) == []
