"""The layers of `tests/e2e/test_layers_survive.py` with 100 000 entries; and files of 5 GiB."""

import hashlib

import pytest

from e2e import images
from tools import heavy_build, odd_layers, survival
from tools.docker_registry import PROGRAMS, docker_registry
from tools.services import registries

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

FILES = 100_000
LARGE_BYTES = 5 << 30


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


@pytest.mark.parametrize("version", PROGRAMS)
def test_files_of_5_gib_survive(run_image, version, tmp_path):
    with docker_registry(tmp_path, version=version) as registry:
        base = f"{registries.OPEN.host}/library/busybox:latest"
        images.crane(None, "copy", base, f"{registry.host}/base:v1")
        context = heavy_build.large_file(LARGE_BYTES, tmp_path / "context", registry.host)
        reference = f"{registry.host}/large:v1"
        done = run_image(
            ["build", "--push", "--tag", reference, "/workspace"],
            mounts={context: "/workspace:ro"},
            timeout_s=3000,
        )
        assert done.returncode == 0, done.stderr

        survival.validate(reference)
        root = survival.unpacked(reference, tmp_path)

    wanted = digest(context / "large")
    assert digest(root / "large") == digest(root / "copy") == wanted


def digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
