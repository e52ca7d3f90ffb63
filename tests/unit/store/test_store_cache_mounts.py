"""Caches of RUNs: who shares one, who waits, and what is there afterwards."""

import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest

from pybuild.store.cache_mounts import DirectoryCaches


class Waits:
    """Counts how often it is told of waiting; ends the wait after so many times."""

    def __init__(self, limit=10_000):
        self.limit = limit
        self.count = 0
        self.began = threading.Event()

    def __call__(self):
        self.count += 1
        self.began.set()
        if self.count > self.limit:
            raise RuntimeError("waited too long")


def nothing(_directory):
    pass


@pytest.fixture
def caches(tmp_path):
    return DirectoryCaches(tmp_path / "caches")


def opened(caches, name="c", sharing="shared", fill=nothing, waits=None):
    return caches.open(name, sharing, fill, waits or Waits(0))


def test_a_cache_keeps_what_was_written_and_is_filled_once(caches):
    filled = []
    with opened(caches, fill=filled.append) as directory:
        (directory / "f").write_text("kept")
    with opened(caches, fill=filled.append) as again:
        assert (again / "f").read_text() == "kept"
    assert again == directory
    assert len(filled) == 1


def test_a_new_cache_has_what_fill_put_into_it(caches):
    def fill(directory):
        assert not any(directory.iterdir())
        (directory / "seed").write_text("s")
        directory.chmod(0o1700)

    with opened(caches, fill=fill) as directory:
        assert (directory / "seed").read_text() == "s"
        assert directory.stat().st_mode & 0o7777 == 0o1700


def test_a_cache_whose_filling_failed_is_not_there(caches):
    def fail(directory):
        (directory / "half").write_text("")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"), opened(caches, fill=fail):
        pass
    with opened(caches) as directory:
        assert not any(directory.iterdir())


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "b"), ("a", "a/"), ("../x", "x"), ("a\nb", "a"), ("", "0"), ("\udcff", "\udcfe")],
)
def test_different_names_share_nothing_and_none_leads_out(caches, tmp_path, one, other):
    with opened(caches, one) as first, opened(caches, other) as second:
        assert first != second
        assert first.is_relative_to(tmp_path / "caches")


def test_shared_caches_are_open_at_the_same_time(caches):
    with opened(caches) as first, opened(caches) as second:
        assert first == second


@pytest.mark.parametrize(
    ("has", "wants"), [("locked", "locked"), ("shared", "locked"), ("locked", "shared")]
)
def test_who_may_not_share_waits_and_says_so(caches, has, wants):
    waits = Waits()
    got = threading.Event()

    def other():
        with opened(caches, sharing=wants, waits=waits):
            got.set()

    thread = threading.Thread(target=other)
    with opened(caches, sharing=has):
        thread.start()
        assert waits.began.wait(20)
        assert not got.is_set()
    thread.join(20)
    assert got.is_set()


def test_an_error_ends_the_wait_and_leaves_no_lock(caches):
    with (
        opened(caches, sharing="locked"),
        pytest.raises(RuntimeError),
        opened(caches, sharing="locked", waits=Waits(1)),
    ):
        pass
    with opened(caches, sharing="locked"):
        pass


def test_a_private_cache_is_another_one_while_somebody_has_it_and_the_same_later(caches):
    with opened(caches, sharing="private") as first:
        with opened(caches, sharing="private") as second:
            assert second != first
        with opened(caches, sharing="private") as third:
            assert third == second
    with opened(caches, sharing="private") as later, opened(caches, sharing="private") as other:
        assert (later, other) == (first, second)


def test_two_threads_make_one_cache(caches):
    made = []
    meeting = threading.Barrier(2, timeout=20)

    def use():
        meeting.wait()
        with opened(caches, fill=made.append, waits=Waits()) as directory:
            assert directory.is_dir()

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_a_shared_cache_that_its_user_has_moved_away_is_not_made_anew(caches, tmp_path):
    with opened(caches) as directory:
        (directory / "f").write_text("kept")
        directory.rename(tmp_path / "away")
        with opened(caches, fill=pytest.fail) as second:
            (tmp_path / "away").rename(directory)
            assert (second / "f").read_text() == "kept"


@pytest.mark.parametrize("sharing", ["shared", "locked", "private"])
def test_a_cache_that_was_lost_is_made_anew(caches, sharing):
    with opened(caches) as directory:
        directory.rmdir()
    with opened(caches, sharing=sharing) as again:
        assert again == directory
        assert again.is_dir()


def test_another_process_is_waited_for_and_its_end_frees_the_cache(caches, tmp_path):
    program = (
        "import sys, pathlib\n"
        "from pybuild.store.cache_mounts import DirectoryCaches\n"
        "caches = DirectoryCaches(pathlib.Path(sys.argv[1]))\n"
        "with caches.open('c', 'locked', lambda d: None, lambda: None):\n"
        "    print('has it', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "caches")]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other,
        ExitStack() as held,
    ):
        assert other.stdout.readline() == b"has it\n"
        with pytest.raises(RuntimeError):
            held.enter_context(opened(caches, sharing="locked", waits=Waits(1)))
        other.kill()
        other.wait()
        held.enter_context(opened(caches, sharing="locked", waits=Waits(50)))


def test_the_name_can_be_read_beside_the_cache(caches):
    with opened(caches, "/root/.cache") as directory:
        assert (directory.parent / "name").read_text() == "/root/.cache\n"
