"""Each build has its directory, however many begin at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from pybuild.errors import StateError
from pybuild.rootfs.places import claim, trial


def test_builds_that_begin_at_once_leave_each_other_s_directories_alone(tmp_path):
    builds = 200
    with ExitStack() as closing, ThreadPoolExecutor(16) as pool:
        places = list(pool.map(lambda _: claim(tmp_path / "trees", closing), range(builds)))

        assert len(set(places)) == builds
        assert all(place.is_dir() for place in places)


def test_builds_that_end_while_others_begin_remove_their_own(tmp_path):
    def begin_and_end(_):
        with ExitStack() as closing:
            (claim(tmp_path / "trees", closing) / "file").touch()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(begin_and_end, range(500)))

    assert list((tmp_path / "trees").iterdir()) == []


def test_what_a_dead_build_left_is_removed(tmp_path):
    left = tmp_path / "trees" / "left"
    (left / "stack").mkdir(parents=True)
    with ExitStack() as closing:
        place = claim(tmp_path / "trees", closing)
        assert list((tmp_path / "trees").iterdir()) == [place]
    assert list((tmp_path / "trees").iterdir()) == []


def test_trials_and_builds_that_begin_leave_each_other_s_directories_alone(tmp_path):
    trees = tmp_path / "trees"

    def try_something(_):
        with trial(trees) as place:
            (place / "upper" / "file").parent.mkdir()
            (place / "upper" / "file").touch()
            time.sleep(0.001)
            return (place / "upper" / "file").exists()

    def begin_and_end(_):
        with ExitStack() as closing:
            return claim(trees, closing).is_dir()

    with ThreadPoolExecutor(16) as pool:
        kept = [
            pool.submit(job, None) for _ in range(200) for job in (try_something, begin_and_end)
        ]
        assert all(future.result() for future in kept)
    assert list(trees.iterdir()) == []


def test_a_trial_removes_nothing_but_its_own(tmp_path):
    left = tmp_path / "trees" / "left"
    left.mkdir(parents=True)
    with trial(tmp_path / "trees"):
        pass
    assert list((tmp_path / "trees").iterdir()) == [left]


def in_a_trial(parent, _closing):
    with trial(parent):
        pass


@pytest.mark.parametrize("make", [claim, in_a_trial])
def test_a_place_that_cannot_be_had_is_a_state_error(tmp_path, make):
    (tmp_path / "trees").touch()
    with (
        ExitStack() as closing,
        pytest.raises(StateError, match=rf"cannot make a directory in {tmp_path}/trees: File exi"),
    ):
        make(tmp_path / "trees", closing)
