"""Every case gives the image that BuildKit makes of it.

Goldens are made by ``conformance.record``. A case is built by the action image in a plain
container, so this covers the whole way from a Dockerfile to layers.
"""

import pytest

from conformance import action, golden
from conformance.case_file import cases
from conformance.deviations import DEVIATIONS, apply
from conformance.observation import observe
from tools.services import __main__ as services

CASES = tuple(cases())
BUILT = [case for case in CASES if not case.is_refused]
REFUSED = [case for case in CASES if case.is_refused]

# An error in the Dockerfile, an error in the context, and the status of the RUN in `failing_run`.
REFUSALS = {3, 7, 8}


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
    ours = built[case.name]
    assert ours.status == 0, ours.log

    expected = golden_of(case)
    observed = observe(ours.layout, ours.started, directory_times=case.is_about_times)
    found = list(golden.differences(apply(case.name, expected), observed))
    assert not found, "\n".join([case.rule, *found])


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_buildkit_refuses_is_refused(case, built):
    ours = built[case.name]
    if "refused" in apply(case.name, golden_of(case)):
        assert ours.status in REFUSALS, ours.log
        assert "Traceback" not in ours.log
    else:
        assert ours.status == 0, ours.log


def golden_of(case):
    expected = golden.read(case.name)
    assert expected.pop("oracle")
    assert expected.pop("rule") == case.rule
    return expected


def test_no_two_cases_show_the_same_rule():
    rules = [case.rule for case in CASES]
    assert len(set(rules)) == len(rules) >= 40


def test_every_deviation_is_one():
    for deviation in DEVIATIONS:
        expected = golden.read(deviation.case)
        changed = apply(deviation.case, golden.read(deviation.case))
        assert list(golden.differences(expected, changed)), deviation


def test_every_golden_has_a_case():
    names = {str(path.relative_to(golden.GOLDENS).with_suffix("")) for path in golden.all_paths()}
    assert names == {case.name for case in CASES}
