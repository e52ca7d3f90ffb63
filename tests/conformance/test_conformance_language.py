"""Every form of the language is done, which cases prove, or refused, which says why."""

from conformance.case_file import cases
from conformance.deviations import DEVIATIONS
from conformance.language import groups
from conformance.page import HERE, PAGE, page

FORMS = [form for group in groups() for form in group.forms]
NAMES = {case.name for case in cases()}
CHECKS = PAGE.parent / HERE / "checks"
REFUSED_HERE = {
    deviation.case
    for deviation in DEVIATIONS
    if deviation.place == ("refused",)
    and isinstance(deviation.ours, str)
    and not deviation.in_place
}


def is_known(name):
    folder, _, check = name.partition("/")
    return name in NAMES or (folder == "checks" and (CHECKS / f"{check}.json").exists())


def test_every_case_that_is_named_is_there():
    unknown = [name for form in FORMS for name in form.cases if not is_known(name)]
    assert not unknown


def test_what_is_done_has_a_case_that_builds():
    unproven = [form for form in FORMS if not form.refused and not any(map(builds, form.cases))]
    assert not unproven


def builds(name):
    return not name.startswith("refused/") and name not in REFUSED_HERE


def test_what_is_refused_has_no_case_that_builds():
    built = [form for form in FORMS if form.refused and any(map(builds, form.cases))]
    assert not built


def test_no_form_stands_twice():
    texts = [form.text for form in FORMS]
    assert len(set(texts)) == len(texts)


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == page(), "run python -m conformance.page in tests"
