"""Threads along a stream: order, the first error, and an end in every case."""

import threading
import time

import pytest

from pybuild.layers.pipeline import Prefetch, Worker

PIECES = [b"%d" % number for number in range(50)]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert [thread for thread in threading.enumerate() if thread.name == "layer"] == []


def test_a_worker_gets_every_piece_in_order():
    seen = []
    with Worker(seen.append) as worker:
        for piece in PIECES:
            worker.put(piece)
        worker.finish()
    assert seen == PIECES


def test_the_first_error_of_a_worker_is_raised():
    calls = []

    def fail(piece):
        calls.append(piece)
        raise RuntimeError(piece)

    def put_all():
        for piece in PIECES:
            worker.put(piece)

    with Worker(fail) as worker:
        with pytest.raises(RuntimeError, match="b'0'"):
            put_all()
        with pytest.raises(RuntimeError, match="b'0'"):
            worker.finish()
    assert calls == [b"0"]


def test_a_worker_that_is_left_drops_what_it_has():
    seen = []
    started = threading.Event()
    leaving = threading.Event()

    def slow(piece):
        started.set()
        leaving.wait(5)
        time.sleep(0.05)
        seen.append(piece)

    with Worker(slow) as worker:
        for piece in PIECES[:4]:
            worker.put(piece)
        started.wait(5)
        leaving.set()
    assert seen == [b"0"]


def test_an_iterator_is_read_ahead_in_order():
    with Prefetch(iter(PIECES)) as pieces:
        assert list(pieces) == PIECES
        assert list(pieces) == []


def test_an_error_comes_behind_what_was_read_before():
    def source():
        yield b"first"
        raise RuntimeError("broken")

    with Prefetch(source()) as pieces:
        assert next(pieces) == b"first"
        with pytest.raises(RuntimeError, match="broken"):
            next(pieces)


def test_a_source_that_is_not_read_to_its_end_is_closed():
    closed = []

    def source():
        try:
            while True:
                yield b"x"
        finally:
            closed.append(threading.current_thread().name)

    with Prefetch(source()) as pieces:
        assert next(pieces) == b"x"
    assert closed == ["layer"]
