"""What a key is made of, as people read it."""

from pybuild.digest import hex_of
from pybuild.graph.explain import explain
from pybuild.graph.keys import stage_keys
from tools.planning import plan_of

TEXT = """\
FROM a AS build
ARG V=1
RUN --mount=type=cache,target=/c --mount=type=secret,id=token,target=/t make $V
FROM scratch
COPY --from=build --chown=1:2 /out /out
COPY src <<conf /app/
x
conf
ADD https://user:word@h/f /f
"""


def parts_of(text):
    plan = plan_of(text)
    contents = {(1, 1): b"sha256:" + b"ab" * 32, (1, 2): b"sha256:" + b"cd" * 32}
    keys = stage_keys(plan, contents)
    found = [
        explain(plan, keys, contents, (stage.index, place))
        for stage in plan.stages
        for place, _ in enumerate(stage.steps)
    ]
    return found, keys


def test_a_run():
    (run, *_), _ = parts_of(TEXT)
    assert run["after"].startswith("FROM ")
    assert run["run"] == "/bin/sh -c make $V"
    assert run["variable V"] == "1"
    assert run["mount /c"] == "cache, 0755 0:0"
    assert run["mount /t"] == "secret token"
    assert (run["user"], run["directory"], run["network"]) == ("root", "/", "default")


def test_copies_and_what_they_read():
    (_, stage, context, remote), keys = parts_of(TEXT)
    assert stage["copy"] == "/out of stage build"
    assert stage["chown"] == "1:2"
    assert "bytes" not in stage
    assert context["copy"] == "src of context <<conf (2 bytes)"
    assert context["bytes"] == "ab" * 8
    assert context["after"].startswith(hex_of(keys[1][0])[:12])
    assert remote["add"] == "https://h/f"
