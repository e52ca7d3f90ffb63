"""Each build has its directory, however many begin at once."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from pybuild.rootfs.places import claim


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
