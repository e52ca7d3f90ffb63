import pytest

from pybuild.rootfs.abilities import abilities
from pybuild.rootfs.probe import Availability
from pybuild.rootfs.run.userns import IdMap

ONE_ID = IdMap([[0, 1000, 1]], [[0, 1000, 1]], single=True)
FULL = Availability("overlay")


@pytest.mark.parametrize(
    ("found", "what", "answer"),
    [
        (FULL, "--network=none", "yes"),
        (FULL, "--mount=type=secret", "yes, in memory"),
        (Availability("overlay", id_map=ONE_ID), "--mount=type=ssh", "yes, for root only"),
        (Availability("overlay", id_map=ONE_ID), "--mount=type=cache", "yes"),
        (
            Availability("overlay", own_network=False),
            "--network=none",
            "refused before anything runs: no network namespace",
        ),
        (
            Availability("overlay", own_hostname=False),
            "hostname",
            "refused before anything runs: no UTS namespace",
        ),
        (Availability("inplace"), "--network=none", "refused before anything runs"),
    ],
)
def test_what_comes_of_what_a_run_asks_for(found, what, answer):
    assert dict(abilities(found))[what] == answer


def test_every_backend_answers_the_same_questions():
    asked = [name for name, _ in abilities(FULL)]
    assert [name for name, _ in abilities(Availability("inplace"))] == asked
