"""The starter without any right: nothing here needs root."""

import os
import threading
import time
from pathlib import Path

import pytest

from pybuild import events
from pybuild.errors import HostUnsupported, StepFailed
from pybuild.rootfs.run.protocol import RunSpec
from pybuild.rootfs.starter import Starter

ENV = [["PATH", os.environ.get("PATH", "/bin")], ["TOKEN_OF_RUN", "seen"]]


@pytest.fixture(scope="module")
def starter():
    with Starter(events.ignore, hide=False) as started:
        yield started


def run(starter, *argv, cwd="/"):
    lines = []
    return starter.run(RunSpec(list(argv), ENV, cwd), lines.append), lines


@pytest.mark.parametrize(
    ("script", "status", "lines"),
    [
        ("echo out; echo err >&2", 0, ["out", "err"]),
        ("exit 42", 42, []),
        ("kill -9 $$", 137, []),
        ("echo $TOKEN_OF_RUN; pwd; umask", 0, ["seen", "/", "0022"]),
        ("read line; echo $?", 0, ["1"]),
        ("printf unfinished", 0, ["unfinished"]),
    ],
)
def test_a_command_s_status_and_lines_come_back(starter, script, status, lines):
    assert run(starter, "sh", "-c", script) == (status, lines)


def test_a_program_that_is_not_there_says_so(starter):
    assert run(starter, "no-such-thing") == (
        127,
        ["no-such-thing: not found in PATH of the image"],
    )


def test_a_directory_that_is_not_there_is_named(starter):
    with pytest.raises(HostUnsupported, match="working directory /no/where: No such file"):
        run(starter, "true", cwd="/no/where")


def test_a_command_has_the_limits_that_were_asked_for(starter):
    lines = []
    limits = (("nofile", 100, 200), ("core", 0, 0), ("fsize", -1, -1))
    script = "ulimit -n; ulimit -H -n; ulimit -c; ulimit -f"
    spec = RunSpec(["sh", "-c", script], ENV, "/", limits=limits)
    assert starter.run(spec, lines.append) == 0
    assert lines == ["100", "200", "0", "unlimited"]


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        (("nofile", 2, 1), "limit nofile=2:1: current limit exceeds maximum limit"),
        (("nofile", 1, 1 << 50), "limit nofile=1:1125899906842624: "),
        (("files", 1, 1), "limit files=1:1: there is no such limit"),
    ],
)
def test_a_limit_that_cannot_be_had_is_named(starter, limit, why):
    with pytest.raises(HostUnsupported, match=why):
        starter.run(RunSpec(["true"], ENV, "/", limits=(limit,)), print)


def test_bytes_that_are_not_text_arrive_as_they_are(starter, tmp_path):
    name = b"caf\xe9"
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    assert run(starter, "ls", os.fsdecode(name), cwd=str(tmp_path))[0] == 0


def test_the_builder_s_environment_and_descriptors_do_not_arrive(starter, monkeypatch):
    monkeypatch.setenv("BUILDER_SECRET", "hunter2")
    status, lines = run(
        starter, "sh", "-c", "env; ls /proc/self/fd | wc -l; cat /proc/$PPID/environ"
    )
    assert status == 0
    assert "hunter2" not in "".join(lines)
    assert lines[-1].strip() == "4"  # three, and the directory that ls reads


def test_what_a_command_leaves_behind_neither_lives_on_nor_holds_the_build(starter):
    started = time.monotonic()
    status, lines = run(starter, "sh", "-c", "sleep 1000 & setsid sleep 1000 & echo $! $$; exit 3")
    assert status == 3
    assert time.monotonic() - started < 10
    assert not any(Path(f"/proc/{pid}").exists() for pid in lines[0].split())


def test_signals_are_as_a_new_program_expects_them(starter):
    status, lines = run(starter, "grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status")
    assert (status, lines) == (0, ["SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000"])


def test_commands_of_many_threads_run_at_the_same_time(starter):
    results = {}

    def one(number):
        results[number] = run(starter, "sh", "-c", f"sleep 0.2; echo {number}")

    started = time.monotonic()
    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: (0, [str(number)]) for number in range(8)}
    assert time.monotonic() - started < 1.5


def test_an_exception_from_a_line_ends_the_command(starter):
    pids = []

    def stop(line):
        pids.append(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        starter.run(RunSpec(["sh", "-c", "echo $$; sleep 1000"], ENV, "/"), stop)
    assert not Path(f"/proc/{pids[0]}").exists()


def test_stopping_ends_what_runs_on_another_thread_and_refuses_more():
    began, statuses = threading.Event(), []

    def one():
        try:
            started.run(
                RunSpec(["sh", "-c", "echo go; sleep 1000"], ENV, "/"), lambda _: began.set()
            )
        except StepFailed as error:
            statuses.append(error.status)

    with Starter(events.ignore, hide=False) as started:
        thread = threading.Thread(target=one)
        thread.start()
        assert began.wait(5)
        started.stop()
        thread.join(5)
        one()
        assert statuses == [137, 137]


def test_closing_twice_is_fine():
    started = Starter(events.ignore, hide=False)
    started.close()
    started.close()
