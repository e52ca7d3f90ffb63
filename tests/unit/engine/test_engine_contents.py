"""What a step reads from outside the plan is in its digest, and nothing else is."""

import threading
from dataclasses import dataclass, field, replace

import pytest

from pybuild.engine.contents import contents
from pybuild.errors import ContextError
from pybuild.graph.plan import BindMount, CopyAction, Files, FromContext, Inline
from pybuild.ports import RemoteSource
from tools.engine_bench import Bench

COPY = "FROM scratch\nCOPY f /out/\n"
REMOTE = RemoteSource("https://host/a.tar")
NAMED = Files(FromContext("n"), ("g",))
FILE = Files(FromContext(), ("f",))


@dataclass
class FakeRemotes:
    """``ports.Remotes`` whose sources are what ``known`` says."""

    known: dict[str, bytes]
    asked: list[str] = field(default_factory=list)
    meeting: threading.Barrier | None = None

    def identify(self, remote):
        if self.meeting:
            self.meeting.wait(20)
        self.asked.append(remote.url)
        if remote.url not in self.known:
            raise ContextError(f"{remote.url} cannot be had")
        return self.known[remote.url]

    def fetch(self, remote):
        raise NotImplementedError


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    (bench.context / "f").write_text("file")
    named = tmp_path / "named"
    named.mkdir()
    (named / "g").write_text("named")
    bench.named = {"n": named}
    return bench


def digests(bench, *parts, remotes=None, text=COPY):
    """Digests of a plan whose COPY has these parts."""
    job = bench.job(text)
    plan = job.plan
    if parts:
        (stage,) = plan.stages
        action = replace(stage.steps[0].action, parts=parts)
        assert isinstance(action, CopyAction)
        steps = (replace(stage.steps[0], action=action),)
        plan = replace(plan, stages=(replace(stage, steps=steps),))
    return contents(plan, job.contexts, job.inputs, replace(job.tools, remotes=remotes))


def test_every_part_counts_in_its_order(bench):
    remotes = FakeRemotes({REMOTE.url: b"one"})
    every = [
        digests(bench, *parts, remotes=remotes)[0, 0]
        for parts in ([FILE], [NAMED], [REMOTE], [FILE, NAMED], [NAMED, FILE], [FILE, REMOTE])
    ]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize(
    "change",
    [
        lambda bench: (bench.context / "f").write_text("other"),
        lambda bench: (bench.named["n"] / "g").write_text("other"),
        lambda bench: (bench.context / "f").chmod(0o600),
    ],
)
def test_a_change_of_what_is_read_changes_the_digest(bench, change):
    before = digests(bench, FILE, NAMED)
    change(bench)
    assert digests(bench, FILE, NAMED) != before


def test_other_bytes_at_the_same_address_change_the_digest(bench):
    one = digests(bench, REMOTE, remotes=FakeRemotes({REMOTE.url: b"one"}))
    assert digests(bench, REMOTE, remotes=FakeRemotes({REMOTE.url: b"two"})) != one


def test_a_step_that_reads_nothing_from_outside_has_none(bench):
    assert digests(bench, text="FROM scratch AS a\nRUN x\nFROM scratch\nCOPY --from=a / /\n") == {}
    assert digests(bench, Inline("EOF", b"text")) == {}


def test_a_remote_source_is_asked_for_once_and_several_at_once(bench):
    other = RemoteSource("https://host/b.tar")
    remotes = FakeRemotes({REMOTE.url: b"a", other.url: b"b"}, meeting=threading.Barrier(2))
    digests(bench, REMOTE, other, REMOTE, remotes=remotes)
    assert sorted(remotes.asked) == [REMOTE.url, other.url]


def test_a_remote_source_that_cannot_be_had_shows_its_line(bench):
    with pytest.raises(ContextError, match="cannot be had") as caught:
        digests(bench, REMOTE, remotes=FakeRemotes({}))
    assert ">>> COPY f /out/" in caught.value.excerpt


def test_a_mount_of_a_named_context_is_read_there(bench):
    text = "FROM scratch\nRUN run\n"
    mounts = {"run": [BindMount(FromContext("n"), "/", "/n")]}
    before = bench.job(text, mounts=mounts).keys
    (bench.context / "new").write_text("")
    assert bench.job(text, mounts=mounts).keys == before
    (bench.named["n"] / "new").write_text("")
    assert bench.job(text, mounts=mounts).keys != before
