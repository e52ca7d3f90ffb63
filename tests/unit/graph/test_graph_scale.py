"""Planning is linear in the number of instructions."""

import pytest

from pybuild.graph import encoding, scope
from pybuild.graph.keys import stage_keys
from pybuild.graph.names import StageNames
from pybuild.graph.state import StageState
from tools.planning import last, plan_of

COUNT = 5_000


def counted(monkeypatch, owner, name):
    """A list that grows by one with each call of a function of owner."""
    function = getattr(owner, name)
    calls = []

    def counting(*args, **options):
        calls.append(name)
        return function(*args, **options)

    monkeypatch.setattr(owner, name, counting)
    return calls


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ENV V{0}=$V", 2),
        ("ARG V{0}=x", 1),
        ("LABEL l{0}=$V", 2),
        ("COPY a{0} b /d", 5),
        ("RUN x{0}", 0),
        ("RUN --mount=type=cache,target=/c{0} x", 2),
        ("ONBUILD RUN x{0}", 0),
        ("WORKDIR /w{0}", 1),
        ("VOLUME /v{0}", 1),
    ],
)
def test_each_word_is_expanded_once_however_many_there_are(monkeypatch, line, words):
    expansions = counted(monkeypatch, scope, "expand")
    text = "".join(f"{line.format(number)}\n" for number in range(COUNT))
    plan_of(f"FROM a\n{text}")
    assert len(expansions) == words * COUNT + 2  # FROM, before its image is known and after


def test_what_grows_is_made_a_value_once(monkeypatch):
    frozen = counted(monkeypatch, StageState, "frozen")
    text = "".join(f"ENV E{n}=1\nLABEL l{n}=1\nEXPOSE {n + 1}\n" for n in range(COUNT // 3))
    stage = last(plan_of(f"FROM a\n{text}"))
    assert len(frozen) == 1
    assert len(stage.run.env) == COUNT // 3 + 1


def test_runs_share_the_environment_that_they_all_see():
    stage = last(plan_of("FROM a\nENV A=1\n" + "RUN x\n" * 100 + "ENV A=2\nRUN x\n"))
    assert len({id(step.action.env) for step in stage.steps}) == 2


def test_each_name_is_looked_up_a_fixed_number_of_times(monkeypatch):
    found = counted(monkeypatch, StageNames, "find")
    before = counted(monkeypatch, StageNames, "before")
    count = COUNT // 2
    text = "".join(f"FROM s{n - 1} AS s{n}\nCOPY --from=s0 / /\n" for n in range(1, count))
    plan = plan_of(f"FROM scratch AS s0\n{text}")
    assert len(plan.stages) == count
    assert (len(found), len(before)) == (count - 1, count)


def test_each_variable_is_encoded_once_for_all_the_runs_that_see_it(monkeypatch):
    plan = plan_of("FROM a\n" + "".join(f"ENV E{n}=1\nRUN x\n" for n in range(COUNT // 10)))
    encoding._encode_pair.cache_clear()
    encoded = counted(monkeypatch, encoding, "encode")
    stage_keys(plan, {})
    assert len(encoded) < 20 * COUNT
