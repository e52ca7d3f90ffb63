"""Secrets, agents and the sandbox of a request."""

from pathlib import Path

import pytest

from pybuild.errors import UsageError
from pybuild.events import BuildWarning, VertexFailed, VertexLog
from pybuild.ports import Limit, Sandbox
from pybuild.request import BuildRequest, RunOptions, Secret, SshAgent
from pybuild.surroundings import agents, masking, read_secrets, sandbox


def request(**more):
    return BuildRequest(context=".", state_dir=Path("/s"), now_s=0, **more)


def test_a_secret_s_value_is_its_bytes(tmp_path):
    (tmp_path / "f").write_bytes(b"\0\xff\n")
    secrets = (
        Secret("a", file=tmp_path / "f"),
        Secret("b", value="ä\udcff"),
        Secret("c", value=""),
    )
    assert read_secrets(secrets) == {"a": b"\0\xff\n", "b": b"\xc3\xa4\xff", "c": b""}


def test_the_later_of_two_secrets_counts():
    assert read_secrets((Secret("a", value="1"), Secret("a", value="2"))) == {"a": b"2"}


def test_a_secret_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UsageError, match=f"secret a: cannot read {tmp_path}/none: No such file"):
        read_secrets((Secret("a", file=tmp_path / "none"),))


def test_a_secret_is_at_most_500_kib(tmp_path):
    (tmp_path / "f").write_bytes(b"x" * (500 * 1024 + 1))
    with pytest.raises(UsageError, match=r"secret a too big\. max size 500KiB"):
        read_secrets((Secret("a", file=tmp_path / "f"),))
    (tmp_path / "f").write_bytes(b"x" * 500 * 1024)
    assert len(read_secrets((Secret("a", file=tmp_path / "f"),))["a"]) == 500 * 1024


@pytest.mark.parametrize(
    "event",
    [
        VertexLog(1, 0.0, "token is hunter2!"),
        VertexFailed(1, 0.0, "no: hunter2"),
        BuildWarning("X", "aHVudGVyMg== and hunter2"),
    ],
)
def test_no_event_tells_a_secret(event):
    seen = []
    masking(seen.append, {"a": b"hunter2\n", "b": b"\xff\xfe"})(event)
    assert "hunter2" not in str(seen)
    assert "aHVudGVyMg" not in str(seen)
    assert "***" in str(seen)


def test_without_secrets_nothing_is_looked_at():
    seen = []
    assert masking(seen.append, {}) == seen.append


def test_the_sandbox_is_what_options_and_build_args_say():
    run = RunOptions(
        hosts=(("a", "192.0.2.1"),), shm_bytes=1 << 20, limits=(("nofile", 10, -1),),
        ssh=(SshAgent("default", Path("/a")), SshAgent("x", Path("/x"))),
    )  # fmt: skip
    asked = request(run=run, build_args=(("BUILDKIT_SANDBOX_HOSTNAME", "box"),))
    assert sandbox(asked) == Sandbox(
        (("a", "192.0.2.1"),), "box", 1 << 20, (Limit("nofile", 10, -1),)
    )
    assert agents(asked) == {"default": Path("/a"), "x": Path("/x")}
    assert sandbox(request()) == Sandbox()
