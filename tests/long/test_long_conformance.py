"""Every conformance case in every backend: a plain container, overlay as root, a user namespace.

They give the images that BuildKit makes, and, their times clamped, the same layers everywhere.
"""

import pytest

from conformance import backends
from conformance.case_file import cases
from conformance.test_conformance import assert_as_expected
from tools.services import __main__ as services

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]

CASES = [case for case in cases() if not case.is_refused]
EVERYWHERE = [case for case in CASES if case.name not in backends.CONTAINED]


@pytest.fixture(scope="module", autouse=True)
def _machine_ready():
    services.main([])


@pytest.fixture(scope="module", params=backends.RIGHTS)
def by_overlay(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("overlay")
    return backends.by_overlay(CASES, folder, request.param, clamped=False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_overlay_makes_the_images_that_buildkit_makes(case, by_overlay):
    assert_as_expected(case, by_overlay[case.name], in_place=False)


@pytest.fixture(scope="module")
def in_a_container(tmp_path_factory):
    return backends.in_a_container(EVERYWHERE, tmp_path_factory.mktemp("container"))


@pytest.mark.parametrize("rights", backends.RIGHTS)
def test_overlay_and_a_plain_container_make_the_same_layers(rights, in_a_container, tmp_path):
    there = backends.by_overlay(EVERYWHERE, tmp_path, rights)
    assert backends.differing(in_a_container, there) == []
