import threading
from contextlib import ExitStack

import pytest

from pybuild.rootfs.gate import Exposure, Gate

PATIENCE_S = 5


class Visit:
    """Somebody in a block of the gate, on a thread of their own."""

    def __init__(self, block):
        self.inside, self._leave = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._stay, args=(block,), daemon=True)
        self._thread.start()

    def _stay(self, block):
        with block:
            self.inside.set()
            self._leave.wait(PATIENCE_S)

    def waits(self):
        return not self.inside.wait(0.05)

    def is_inside(self):
        return self.inside.wait(PATIENCE_S)

    def leave(self):
        self._leave.set()
        self._thread.join()


@pytest.fixture
def gate():
    return Gate()


def test_writers_work_side_by_side_and_a_run_waits_for_all(gate):
    writers = [Visit(gate.writing()) for _ in range(2)]
    assert all(it.is_inside() for it in writers)
    run = Visit(gate.running())
    assert run.waits()
    writers[0].leave()
    assert run.waits()
    writers[1].leave()
    assert run.is_inside()
    run.leave()


def test_writers_and_runs_wait_for_a_run(gate):
    run = Visit(gate.running())
    assert run.is_inside()
    waiting = [Visit(gate.writing()), Visit(gate.running())]
    assert all(it.waits() for it in waiting)
    run.leave()
    for it in waiting:
        assert it.is_inside()
        it.leave()


def test_a_writer_that_waits_goes_before_runs(gate):
    order = []
    with ExitStack() as stack:
        stack.enter_context(gate.running())
        run = Visit(gate.running())
        assert run.waits()
        writer = Visit(gate.writing())
        assert writer.waits()
        order += [run, writer]
    assert writer.is_inside()
    assert run.waits()
    writer.leave()
    assert run.is_inside()
    run.leave()


def test_who_fills_beside_waits_for_nobody_and_is_exposed_only_if_a_run_was_on(gate):
    before, during, across = Exposure(), Exposure(), Exposure()
    with gate.beside(before):
        assert not before.trusted
    assert before.trusted
    with ExitStack() as stack:
        stack.enter_context(gate.beside(across))
        with gate.running(), gate.beside(during):
            pass
        assert during.exposed
    assert across.exposed
    assert not across.trusted
    assert before.trusted


def test_an_exposure_lasts_until_somebody_has_compared(gate):
    exposure = Exposure()
    with gate.running(), gate.beside(exposure):
        pass
    with gate.beside(exposure):
        pass
    assert exposure.exposed
