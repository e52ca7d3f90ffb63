"""Every case gives the image that BuildKit makes of it.

Goldens are made by ``conformance.record``. A case is built by the action image in a plain
container, so this covers the whole way from a Dockerfile to layers.
"""

import re

import pytest

from conformance import action, golden, host
from conformance.backends import CONTAINED
from conformance.case_file import cases
from conformance.deviations import ANYTHING, DEVIATIONS, apply
from conformance.observation import observe
from tools.services import __main__ as services

# The first test that asks for a case waits for all of them.
pytestmark = pytest.mark.timeout(2 * action.TIMEOUT_S)

CASES = tuple(cases())
BUILT = [case for case in CASES if not case.is_refused]
REFUSED = [case for case in CASES if case.is_refused]
BY_OVERLAY = [case for case in CASES if case.name in CONTAINED]

# Errors of the command line, the Dockerfile, a registry, a digest, this place, and the context.
REFUSALS = {2, 3, 5, 6, 7, 8}
# A program that cannot be run, as shells say it; docker's runtime says 1.
NOT_RUN = {126, 127}
STATUS = re.compile(r"did not complete successfully: exit code: (\d+)")


@pytest.fixture(scope="session")
def built(request, tmp_path_factory):
    """All cases that are to be tested, built."""
    services.main([])
    names = {item.callspec.params["case"].name for item in request.session.items if is_case(item)}
    selected = [case for case in CASES if case.name in names]
    return action.build(selected, tmp_path_factory.mktemp("conformance"))


def is_case(item):
    return "case" in getattr(item, "callspec", NoCase).params


class NoCase:
    params = ()


@pytest.mark.parametrize("case", BUILT, ids=lambda case: case.name)
def test_the_image_is_the_one_that_buildkit_makes(case, built):
    assert_as_expected(case, built[case.name], in_place=True)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_buildkit_refuses_is_refused(case, built):
    assert_as_expected(case, built[case.name], in_place=True)


@pytest.mark.parametrize("case", BY_OVERLAY, ids=lambda case: case.name)
def test_what_a_plain_container_cannot_do_is_done_by_overlay(case, tmp_path):
    services.main([])
    assert_as_expected(case, host.build([case], tmp_path)[case.name], in_place=False)


def assert_as_expected(case, ours, *, in_place):
    recorded = golden_of(case)
    expected = apply(case.name, golden_of(case), in_place=in_place)
    if "refused" in expected:
        assert_refused(ours, expected["refused"])
        return

    assert ours.status == 0, ours.log
    if "refused" not in recorded:
        observed = observe(ours.layout, ours.started, directory_times=case.is_about_times)
        found = list(golden.differences(expected, ours.places.hide(observed, case.name)))
        assert not found, "\n".join([case.rule, *found])


def assert_refused(ours, message):
    """A RUN's own status is that of the build; all else is one of our own errors."""
    found = re.search(STATUS, message)
    assert ours.status in ({int(found[1]), *NOT_RUN} if found else REFUSALS), ours.log
    assert "Traceback" not in ours.log


def golden_of(case):
    expected = golden.read(case.name)
    assert expected.pop("oracle")
    assert expected.pop("rule") == case.rule
    return expected


def test_no_two_cases_show_the_same_rule():
    rules = [case.rule for case in CASES]
    assert len(set(rules)) == len(rules) >= 200


def test_every_deviation_is_one():
    for deviation in DEVIATIONS:
        if deviation.ours is ANYTHING:
            continue
        expected = golden.read(deviation.case)
        changed = apply(deviation.case, golden.read(deviation.case))
        assert list(golden.differences(expected, changed)), deviation


def test_every_golden_has_a_case():
    names = {str(path.relative_to(golden.GOLDENS).with_suffix("")) for path in golden.all_paths()}
    assert names == {case.name for case in CASES}
