"""A plan is executed: what runs, in which order, side by side, and what comes out."""

import os
import threading
from dataclasses import replace

import pytest

from pybuild.digest import sha256_of
from pybuild.errors import DockerfileError, StepFailed, TreeChanged
from pybuild.events import VertexDone, VertexLog, VertexStarted
from tools.engine_bench import Bench


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def write(name, text="x"):
    def command(root):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return command


TWO_STAGES = """\
FROM scratch AS build
RUN make
FROM scratch
RUN base
COPY --from=build /out /out
RUN last
"""
COMMANDS = {"make": write("out/f"), "base": write("b"), "last": write("l")}


def test_every_step_makes_a_layer_and_is_saved_with_its_chain(bench):
    done = bench.build(TWO_STAGES, COMMANDS)

    assert len(done.chain) == 3
    assert [report.title for report in done.reports] == [
        "[build 2/2] RUN make",
        "[stage-1 2/4] RUN base",
        "[stage-1 3/4] COPY --from=build /out /out",
        "[stage-1 4/4] RUN last",
    ]
    assert not any(report.cached for report in done.reports)
    chains = sorted(len(entry.chain) for entry in bench.cache.entries.values())
    assert chains == [1, 1, 2, 3]
    assert all(entry.created == "2023-11-14T22:13:20Z" for entry in bench.cache.entries.values())


def test_layers_are_told_of_in_order_while_the_build_goes_on(bench):
    done = bench.build(TWO_STAGES, COMMANDS)
    assert tuple(layer for stage, layer in bench.layers if stage == 1) == done.chain


def test_with_nothing_changed_nothing_runs_and_the_chain_is_the_same(bench):
    first = bench.build(TWO_STAGES, COMMANDS)
    second = bench.build(TWO_STAGES, {})

    assert bench.rootfs.ran == []
    assert all(report.cached for report in second.reports)
    assert [layer.diff_id for layer in second.chain] == [layer.diff_id for layer in first.chain]
    assert second.created == first.created


def test_what_is_behind_a_change_runs_on_what_was_reused(bench):
    first = bench.build(TWO_STAGES, COMMANDS)
    changed = TWO_STAGES.replace("RUN last", "RUN other")
    second = bench.build(changed, {"other": write("o")})

    assert bench.rootfs.ran == ["other"]
    assert second.chain[:2] == first.chain[:2]
    assert (bench.rootfs.place / "stage-1" / "out" / "f").read_text() == "x"


def test_a_stage_that_runs_again_takes_its_copies_along(bench):
    bench.build(TWO_STAGES, COMMANDS)
    changed = TWO_STAGES.replace("RUN make", "RUN make2")
    bench.build(changed, {**COMMANDS, "make2": write("out/f", "new")})
    assert bench.rootfs.ran == ["make2", "last"]


def test_independent_stages_run_side_by_side(bench):
    meeting = threading.Barrier(2, timeout=20)

    def meet(_root):
        meeting.wait()

    text = "FROM scratch AS a\nRUN a\nFROM scratch AS b\nRUN b\nFROM scratch\n"
    text += "COPY --from=a / /a/\nCOPY --from=b / /b/\n"
    bench.build(text, {"a": meet, "b": meet})
    assert sorted(bench.rootfs.ran) == ["a", "b"]


def test_with_one_job_stages_run_one_after_the_other(bench):
    on, most = [], []

    def watch(name):
        def command(_root):
            on.append(name)
            most.append(len(on))
            on.remove(name)

        return command

    text = "FROM scratch AS a\nRUN a\nFROM scratch AS b\nRUN b\nFROM scratch\n"
    text += "COPY --from=a / /a/\nCOPY --from=b / /b/\n"
    bench.build(text, {"a": watch("a"), "b": watch("b")}, jobs=1)
    assert most == [1, 1]


def test_a_failed_run_ends_the_others_and_gives_its_status(bench):
    started = threading.Event()

    def long(_root):
        started.set()
        assert bench.rootfs.stopped.wait(20), "the RUN of another stage is ended"
        return 137

    def fail(_root):
        assert started.wait(20)
        return 3

    text = "FROM scratch AS a\nRUN long\nFROM scratch AS b\nRUN fail\nFROM scratch\n"
    text += "COPY --from=a / /a/\nCOPY --from=b / /b/\n"
    with pytest.raises(StepFailed, match='"/bin/sh -c fail" did not complete') as caught:
        bench.build(text, {"long": long, "fail": fail})
    assert caught.value.status == 3
    assert ">>> RUN fail" in caught.value.excerpt


def test_a_runs_output_stands_under_its_step(bench):
    bench.build("FROM scratch\nRUN a\n", {"a": write("f")})
    started = [event for event in bench.events if isinstance(event, VertexStarted)]
    assert [event.title for event in started] == ["[2/2] RUN a"]
    logged = [event for event in bench.events if isinstance(event, VertexLog)]
    assert [(event.number, event.line) for event in logged] == [(started[0].number, "ran a")]
    assert [type(event) for event in bench.events][-1] is VertexDone


def test_a_stage_on_a_stage_continues_its_chain(bench):
    done = bench.build(
        "FROM scratch AS a\nRUN a\nFROM a\nRUN b\n", {"a": write("a"), "b": write("b")}
    )
    assert len(done.chain) == 2
    assert (bench.rootfs.place / "stage-1" / "a").exists()


def test_a_reused_entry_is_not_mixed_with_another_builds_layers(bench):
    """An entry that outlived its parent brings the whole chain that it was made on."""
    text = "FROM scratch\nRUN a\nRUN b\nRUN c\n"
    first = bench.build(text, {"a": write("a", "1"), "b": write("b", "1"), "c": write("c")})
    keys = list(bench.cache.entries)
    a, b, _ = keys
    bench.cache.entries = {b: bench.cache.entries[b]}
    second = bench.build(text, {"c": write("c")})
    assert bench.rootfs.ran == ["c"]
    assert second.chain[:2] == first.chain[:2]

    # The parent was made again with other bytes by somebody else: the child's entry still stands
    # for its own chain, and the deepest usable one decides.
    other = replace(first.chain[0], diff_id=sha256_of(b"other"))
    entry = replace(bench.cache.entries[b], chain=(other,))
    bench.cache.entries = {a: entry, b: bench.cache.entries[b]}
    third = bench.build(text, {"c": write("c")})
    assert third.chain[:2] == first.chain[:2]


def test_a_tree_that_another_stages_run_changed_is_unpacked_again(bench):
    def tamper(_root):
        tree = bench.rootfs.trees["stage-0"]
        (tree.place / "out" / "f").write_text("evil")
        tree.damaged = True

    bench.build(TWO_STAGES, {**COMMANDS, "base": tamper}, jobs=1)
    copied = bench.rootfs.place / "stage-1" / "out" / "f"
    assert copied.read_text() == "x"


def test_a_name_that_a_layer_takes_for_a_deletion_is_refused_with_its_line(bench):
    with pytest.raises(DockerfileError, match=r"/d/\.wh\.x cannot be in an image") as caught:
        bench.build("FROM scratch\nRUN a\n", {"a": write("d/.wh.x")})
    assert ">>> RUN a" in caught.value.excerpt


SPOILT = "FROM scratch\nCOPY f /f\nRUN make\n"


def made_long_ago(root):
    write("made")(root)
    os.utime(root / "made", (1, 1))


def spoil(bench, times):
    (bench.context / "f").write_text("x")
    job = bench.job(SPOILT, {"make": made_long_ago})
    bench.rootfs.spoilt = times
    return job


def test_a_layer_that_another_run_spoilt_is_made_once_more(bench):
    sound = bench.execute(spoil(bench, 0))
    bench.cache.entries.clear()
    again = bench.execute(spoil(bench, 1))

    assert bench.rootfs.ran == ["make", "make"]
    assert again.chain == sound.chain


def test_a_layer_that_is_spoilt_each_time_fails_the_build(bench):
    with pytest.raises(TreeChanged):
        bench.execute(spoil(bench, 9))
    assert not any("make" in title for title in bench.cache.titles)


def test_a_step_is_saved_with_what_its_key_is_made_of(bench):
    bench.build(TWO_STAGES, COMMANDS)
    parts = bench.cache.parts["[build 2/2] RUN make"]
    assert parts["run"] == "/bin/sh -c make"
    assert parts["after"].startswith("FROM scratch")
