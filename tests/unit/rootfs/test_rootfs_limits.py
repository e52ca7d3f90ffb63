import resource

import pytest

from pybuild.ports import Limit
from pybuild.rootfs import limits


@pytest.fixture
def hard(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _number: (10, 100))


@pytest.mark.parametrize(
    ("soft", "hard_limit", "is_refused"),
    [(1, 100, False), (100, 100, False), (1, 101, True), (1, -1, True), (-1, -1, True)],
)
@pytest.mark.usefixtures("hard")
def test_without_the_right_to_raise_it_a_hard_limit_holds(soft, hard_limit, is_refused):
    reason = limits.refusal([Limit("nproc", soft, hard_limit)], privileged=False)
    expected = (
        f"the limit nproc={soft}:{hard_limit} is more than the 100 that this process may give"
    )
    assert reason == (expected if is_refused else "")


@pytest.mark.usefixtures("hard")
def test_with_that_right_only_the_kernel_s_own_limit_of_files_holds(tmp_path, monkeypatch):
    (tmp_path / "nr_open").write_text("1000\n")
    monkeypatch.setattr(limits, "_MOST_FILES", tmp_path / "nr_open")
    assert limits.refusal([Limit("stack", -1, -1)], privileged=True) == ""
    assert limits.refusal([Limit("nofile", 5, 1000)], privileged=True) == ""
    assert "than the 1000 that" in limits.refusal([Limit("nofile", 5, -1)], privileged=True)


def test_a_limit_that_does_not_exist_is_named():
    assert limits.refusal([Limit("nofiles", 1, 1)], privileged=True) == (
        "there is no limit 'nofiles'"
    )


def test_capabilities_of_a_user_namespace_do_not_raise_limits():
    assert not limits.may_raise(in_user_namespace=True)
