"""RUN --mount: what a command sees, what it may do to it, and what is in the key."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from pybuild.engine.context import SourceFiles
from pybuild.engine.subtree import find, items
from pybuild.errors import DockerfileError, StateError, StepFailed
from pybuild.events import VertexLog
from pybuild.graph.plan import (
    BindMount,
    CacheMount,
    FromContext,
    FromStage,
    Inline,
    RunAction,
    SecretMount,
    SshMount,
    TemporaryMount,
)
from pybuild.ports import Access, EmptyMount, FileMount, HostMount, SocketMount
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.index import TreeIndex
from tools.engine_bench import Bench

ONE = "FROM scratch\nRUN run\n"
CONTEXT = FromContext()


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def nothing(_root):
    pass


def run(bench, *mounts, text=ONE, look=lambda _process: None, **more):
    """Build with mounts for the command ``run``, and give its process."""
    commands = {"run": nothing, **more.pop("commands", {})}
    looks = {"run": look, **more.pop("looks", {})}
    bench.build(text, commands, mounts={"run": mounts}, looks=looks, **more)
    return bench.rootfs.processes["run"]


def tree(directory):
    return {
        str(path.relative_to(directory)): path.read_text() if path.is_file() else None
        for path in directory.rglob("*")
    }


def test_a_bind_of_the_context_is_a_copy_without_what_is_ignored(bench):
    (bench.context / "a").mkdir(mode=0o750)
    (bench.context / "a" / "f").write_text("file")
    (bench.context / "secret").write_text("no")
    (bench.context / "link").symlink_to("a/f")
    seen = {}

    def look(process):
        (mount,) = process.mounts
        seen.update(tree(mount.source))
        assert mount.target == "/src"
        assert mount.access is Access.READ_ONLY
        assert not mount.source.is_relative_to(bench.context)
        assert (mount.source / "a").stat().st_mode & 0o777 == 0o750
        assert (mount.source / "link").readlink() == Path("a/f")
        status, own = (mount.source / "a" / "f").stat(), (bench.context / "a" / "f").stat()
        assert status.st_mtime_ns == own.st_mtime_ns

    run(bench, BindMount(CONTEXT, "/", "/src"), look=look, ignore="secret\n")
    assert seen == {"a": None, "a/f": "file", "link": "file"}


def test_a_bind_that_may_be_written_is_dropped_afterwards(bench):
    process = run(bench, BindMount(CONTEXT, "/", "/src", writable=True))
    assert process.mounts[0].access is Access.DROPPED


@pytest.mark.parametrize("path", ["/d/f", "/link", "/way/f", "/../d/./f"])
def test_a_bind_of_a_file_is_that_file_whatever_links_lead_to_it(bench, path):
    (bench.context / "d").mkdir()
    (bench.context / "d" / "f").write_text("file")
    (bench.context / "link").symlink_to("/d/f")
    (bench.context / "way").symlink_to("../../d")

    def look(process):
        assert process.mounts[0].source.read_text() == "file"

    run(bench, BindMount(CONTEXT, path, "/f"), look=look)


def test_names_of_one_file_stay_names_of_one_file(bench):
    (bench.context / "b").write_text("file")
    (bench.context / "a").hardlink_to(bench.context / "b")

    def look(process):
        source = process.mounts[0].source
        assert (source / "a").samefile(source / "b")

    run(bench, BindMount(CONTEXT, "/", "/src"), look=look)


def test_files_of_a_context_become_root_s_and_those_of_a_stage_keep_their_owners():
    index = TreeIndex()
    index.put(Entry(b"d", Kind.DIRECTORY, 0o700, 5, 6))
    index.put(Entry(b"d/f", Kind.FILE, 0o600, 7, 8))
    files = SourceFiles(index, Path("/nowhere"))
    for is_context, owners in ((True, [(0, 0), (0, 0)]), (False, [(5, 6), (7, 8)])):
        placed = [item.entry for item in items(find(files, "/d", is_context=is_context))]
        assert [entry.path for entry in placed] == [b"", b"f"]
        assert [(entry.uid, entry.gid) for entry in placed] == owners


def test_a_copy_is_made_once_a_build_and_path(bench):
    (bench.context / "f").write_text("")
    text = "FROM scratch\nRUN run\nRUN again\n"
    mount = BindMount(CONTEXT, "/", "/src")
    bench.build(
        text,
        {"run": nothing, "again": nothing},
        mounts={"run": [mount], "again": [replace(mount, target="/other")]},
    )
    sources = {bench.rootfs.processes[name].mounts[0].source for name in ("run", "again")}
    assert len(sources) == 1


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/none", '"/none": not found'),
        ("/ignored", '"/ignored": not found'),
        ("/dangling", '"/dangling": not found'),
        ("/loop", "/loop: too many levels of symbolic links"),
    ],
)
def test_a_source_that_is_not_there_fails_before_anything_runs(bench, path, message):
    (bench.context / "ignored").write_text("")
    (bench.context / "dangling").symlink_to("nowhere")
    (bench.context / "loop").symlink_to("loop")
    with pytest.raises(DockerfileError) as caught:
        run(bench, BindMount(CONTEXT, path, "/src"), ignore="ignored\n")
    assert caught.value.message == message
    assert ">>> RUN run" in caught.value.excerpt
    assert bench.rootfs.ran == []


FROM_STAGE = "FROM scratch AS made\nRUN make\nFROM scratch\nRUN run\nCOPY --from=made /out /out\n"


def make(root):
    (root / "out").mkdir()
    (root / "out" / "f").write_text("made")
    (root / "link").symlink_to("/out")


def test_a_bind_of_a_stage_is_its_tree_once_it_is_finished(bench):
    process = run(
        bench, BindMount(FromStage(0), "/link", "/src"), text=FROM_STAGE, commands={"make": make}
    )
    assert bench.rootfs.ran == ["make", "run"]
    assert process.mounts == (
        HostMount(bench.rootfs.place / "stage-0" / "out", "/src", Access.READ_ONLY),
    )


def test_what_a_stage_does_not_hold_cannot_be_mounted(bench):
    with pytest.raises(DockerfileError, match='"/none": not found') as caught:
        run(bench, BindMount(FromStage(0), "/none", "/x"), text=FROM_STAGE, commands={"make": make})
    assert ">>> RUN run" in caught.value.excerpt


def test_only_a_change_below_what_is_mounted_makes_a_run_run_again(bench):
    (bench.context / "used").mkdir()
    (bench.context / "used" / "f").write_text("1")
    mount = BindMount(CONTEXT, "/used", "/src")
    run(bench, mount)

    (bench.context / "other").write_text("new")
    bench.build(ONE, {}, mounts={"run": [mount]})
    assert bench.rootfs.ran == []

    (bench.context / "used" / "f").write_text("2")
    run(bench, mount)
    assert bench.rootfs.ran == ["run"]


def test_a_cache_is_kept_from_build_to_build_and_in_no_key(bench):
    mount = CacheMount("/root/.cache", "/root/.cache")

    def fill(process):
        (process.mounts[0].source / "f").write_text("kept")

    def look(process):
        assert (process.mounts[0].source / "f").read_text() == "kept"

    process = run(bench, mount, look=fill)
    assert process.mounts[0].access is Access.KEPT
    bench.build(ONE, {}, mounts={"run": [replace(mount, id="other", sharing="locked")]})
    assert bench.rootfs.ran == []
    bench.cache.entries.clear()
    run(bench, mount, look=look)


@pytest.mark.parametrize(
    "other",
    [
        {"id": "b"},
        {"uid": 1},
        {"mode": 0o700},
        {"source": CONTEXT},
        {"source": FromContext("n")},
        {"source": CONTEXT, "path": "/d"},
    ],
    ids=str,
)
def test_caches_that_begin_otherwise_have_nothing_in_common(bench, other):
    (bench.context / "d").mkdir()
    bench.named = {"n": bench.context}
    mount = CacheMount("a", "/c")
    first = run(bench, mount).mounts[0].source
    bench.cache.entries.clear()
    second = run(bench, replace(mount, **other)).mounts[0].source
    assert first != second


def test_a_new_cache_has_its_mode(bench):
    process = run(bench, CacheMount("a", "/c", mode=0o1777, read_only=True))
    assert process.mounts[0].source.stat().st_mode & 0o7777 == 0o1777
    assert process.mounts[0].access is Access.READ_ONLY


def test_a_new_cache_begins_with_files_of_a_stage(bench):
    mount = CacheMount("a", "/c", source=FromStage(0), path="/out")
    process = run(bench, mount, text=FROM_STAGE, commands={"make": make})
    source = process.mounts[0].source
    assert tree(source) == {"f": "made"}
    assert not source.is_relative_to(bench.rootfs.place)


def test_a_cache_cannot_begin_with_a_file(bench):
    mount = CacheMount("a", "/c", source=FromStage(0), path="/out/f")
    with pytest.raises(DockerfileError, match="cannot begin with /out/f: it is not a directory"):
        run(bench, mount, text=FROM_STAGE, commands={"make": make})


TWO = "FROM scratch AS a\nRUN a\nFROM scratch AS b\nRUN b\nFROM scratch\n"
TWO += "COPY --from=a / /a/\nCOPY --from=b / /b/\n"


def test_two_stages_do_not_have_a_locked_cache_at_once_and_the_log_says_who_waits(bench):
    inside = []
    waited = threading.Event()

    def told(event):
        if isinstance(event, VertexLog) and "waiting for the cache c" in event.line:
            waited.set()
        bench.events.append(event)

    def command(name):
        def body(_root):
            inside.append(name)
            assert len(inside) == 1
            assert waited.wait(20)
            inside.remove(name)

        return body

    mount = CacheMount("c", "/c", "locked")
    job = bench.job(
        TWO, {"a": command("a"), "b": command("b")}, mounts={"a": [mount], "b": [mount]}
    )
    job.tools.progress.emit = told
    bench.execute(job)
    assert sorted(bench.rootfs.ran) == ["a", "b"]


def test_caches_in_another_order_do_not_block_each_other(bench):
    one, two = CacheMount("1", "/1", "locked"), CacheMount("2", "/2", "locked")
    for _ in range(5):
        bench.cache.entries.clear()
        bench.build(TWO, {"a": nothing, "b": nothing}, mounts={"a": [one, two], "b": [two, one]})
        assert sorted(bench.rootfs.ran) == ["a", "b"]


def test_one_cache_at_two_places_of_a_run_is_one_directory(bench):
    mount = CacheMount("c", "/1", "shared")

    def look(process):
        assert process.mounts[0].source == process.mounts[1].source
        assert is_locked()

    def is_locked():
        def told():
            raise BlockingIOError

        try:
            with bench.caches.open('["c"]', "shared", lambda _: None, told):
                return False
        except StateError:
            return True

    run(bench, mount, replace(mount, target="/2", sharing="locked"), look=look)
    assert not is_locked()


def test_a_failed_build_ends_the_wait_for_a_cache(bench):
    holding = threading.Event()

    def hold(_root):
        holding.set()
        assert bench.rootfs.stopped.wait(20)
        return 137

    def fail(_root):
        assert holding.wait(20)
        return 3

    text = "FROM scratch AS a\nRUN a\nFROM scratch AS b\nRUN b\nFROM scratch AS c\nRUN c\n"
    text += "FROM scratch\n" + "".join(f"COPY --from={x} / /{x}/\n" for x in "abc")
    mount = CacheMount("c", "/c", "locked")
    with pytest.raises(StepFailed) as caught:
        bench.build(
            text,
            {"a": hold, "b": hold, "c": fail},
            mounts={"a": [mount], "b": [mount]},
            jobs=3,
        )
    assert caught.value.status == 3
    assert sorted(bench.rootfs.ran) in (["a", "c"], ["b", "c"])


def test_a_secret_is_a_file_a_variable_or_both(bench):
    process = run(
        bench,
        SecretMount("a", "/run/secrets/a", mode=0o440, uid=1, gid=2),
        SecretMount("a", env="A"),
        SecretMount("a", "/both", "BOTH"),
        SecretMount("absent", "/absent", "ABSENT"),
        secrets={"a": b"va\xfflue"},
    )
    assert process.mounts == (
        FileMount("/both", b"va\xfflue"),
        FileMount("/run/secrets/a", b"va\xfflue", 0o440, 1, 2),
    )
    env = dict(process.env)
    assert env["A"] == env["BOTH"] == "va\udcfflue"
    assert env["ABSENT"] == ""  # as BuildKit has it


def test_a_secret_wins_over_the_image_s_variable(bench):
    text = "FROM scratch\nENV A=image\nRUN run\n"
    process = run(bench, SecretMount("a", env="A"), text=text, secrets={"a": b"secret"})
    assert dict(process.env)["A"] == "secret"


def test_a_secret_s_value_is_in_no_key(bench):
    mount = SecretMount("a", "/a", "A")
    run(bench, mount, secrets={"a": b"one"})
    bench.build(ONE, {}, mounts={"run": [mount]}, secrets={"a": b"other"})
    assert bench.rootfs.ran == []


def test_no_value_of_a_secret_is_in_what_values_print(bench):
    process = run(bench, SecretMount("a", "/a", "A"), secrets={"a": b"hunter2"})
    assert "hunter2" not in repr(process)
    assert "hunter2" not in repr(bench.job(ONE, secrets={"a": b"hunter2"}).inputs)


def test_an_agent_is_a_socket_and_the_first_is_named(bench):
    process = run(
        bench,
        SshMount("default", "/run/buildkit/ssh_agent.0"),
        SshMount("other", "/agent", mode=0o666, uid=1, gid=2),
        SshMount("absent", "/absent"),
        ssh={"default": Path("/run/agent"), "other": Path("/run/other")},
    )
    assert process.mounts == (
        SocketMount(Path("/run/other"), "/agent", 0o666, 1, 2),
        SocketMount(Path("/run/agent"), "/run/buildkit/ssh_agent.0"),
    )
    assert dict(process.env)["SSH_AUTH_SOCK"] == "/run/buildkit/ssh_agent.0"


def test_the_image_s_own_agent_variable_stays(bench):
    text = "FROM scratch\nENV SSH_AUTH_SOCK=/own\nRUN run\n"
    process = run(bench, SshMount("default", "/agent"), text=text, ssh={"default": Path("/s")})
    assert dict(process.env)["SSH_AUTH_SOCK"] == "/own"


def test_a_mount_in_another_one_comes_behind_it(bench):
    process = run(
        bench,
        TemporaryMount("/c/tmp", 1 << 20),
        CacheMount("c", "/c"),
        BindMount(CONTEXT, "/", "/c/src"),
        TemporaryMount("/c/src/tmp"),
    )
    assert [mount.target for mount in process.mounts] == ["/c", "/c/tmp", "/c/src", "/c/src/tmp"]
    assert process.mounts[1] == EmptyMount("/c/tmp", 1 << 20)
    assert process.mounts[3] == EmptyMount("/c/src/tmp")


def test_a_script_is_a_program_that_vanishes_and_the_network_goes_along(bench):
    job = bench.job(ONE, {"run": nothing})
    (step,) = job.plan.stages[0].steps
    assert isinstance(step.action, RunAction)
    action = replace(step.action, script=Inline("EOF", b"#!/bin/sh\n"), network="none")
    stage = replace(job.plan.stages[0], steps=(replace(step, action=action),))
    bench.build(ONE, {"run": nothing}, plan=replace(job.plan, stages=(stage,)))
    process = bench.rootfs.processes["run"]
    assert process.mounts == (FileMount("/dev/pipes/EOF", b"#!/bin/sh\n", 0o755),)
    assert process.network == "none"
