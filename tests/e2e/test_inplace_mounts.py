"""RUN --mount, and what callers mount, in a plain container with default rights."""

import pytest

from e2e import projects
from e2e.builds import Build, succeeded

SECRET = "hunter2-of-the-mount"


@pytest.fixture
def build(run_image, open_registry, tmp_path, repository):
    reference = f"{open_registry.host}/{repository}:v1"
    return Build(run_image, open_registry, tmp_path / "project", reference)


@pytest.fixture
def secret(tmp_path):
    path = projects.project(tmp_path / "secrets", {"token": SECRET}) / "token"
    return {"mounts": {path: "/run/token:ro"}, "more": ["--secret", "id=token,src=/run/token"]}


ALL_KINDS = """
FROM {library}/busybox:latest AS tools
RUN mkdir /tools && echo 'echo tool' > /tools/tool
FROM {library}/busybox:latest
RUN mkdir -p /image && echo own > /image/own
RUN --mount=type=bind,target=/image cat /image/file > /bound && ! test -e /image/own
RUN --mount=type=bind,from=tools,source=/tools,target=/t,rw sh /t/tool > /tooled && rm /t/tool
RUN --mount=type=bind,from=tools,source=/tools,target=/t sh /t/tool >> /tooled
RUN --mount=type=cache,target=/root/.cache echo 1 >> /root/.cache/n && ln /root/.cache/n /linked
RUN --mount=type=cache,target=/root/.cache echo 2 >> /root/.cache/n && cp /root/.cache/n /count
RUN --mount=type=tmpfs,target=/scratch touch /scratch/x && ls -A /scratch > /scratched
RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /size && ln /run/secrets/token /leak
RUN <<END
#!/bin/sh
echo "$0" > /script
END
USER 33
RUN --mount=type=secret,id=token,uid=33,env=TOKEN,target=/tmp/t test "$TOKEN" = "$(cat /tmp/t)"
"""


def test_every_kind_of_mount_is_there_for_its_run_and_in_no_layer(build, secret):
    succeeded(build(ALL_KINDS, **secret))
    files = build.files()
    assert files["bound"] == b"context\n"
    assert files["image/own"] == b"own\n"
    assert files["tooled"] == b"tool\ntool\n"
    assert (files["linked"], files["count"]) == (b"1\n", b"1\n2\n")
    assert files["scratched"] == b"x\n"
    assert files["size"] == f"{len(SECRET)}\n".encode()
    assert files["script"] == b"/dev/pipes/END\n"
    assert not files.keys() & {"leak", "t", "scratch", "root/.cache", "run/secrets", "tmp/t"}
    assert SECRET.encode() not in b"".join(it for it in files.values() if isinstance(it, bytes))


def test_a_write_to_a_read_only_mount_is_a_warning_that_names_it(build):
    text = "FROM {library}/busybox:latest\nRUN --mount=target=/src echo x > /src/file\n"
    log = succeeded(build(text))
    assert "the command wrote to /src, which is read-only; that is not kept: /src/file" in log
    assert (build.directory / "file").read_text() == "context\n"


def test_a_run_that_fails_leaves_no_secret_in_the_container(build, secret):
    search = f"grep -rl {SECRET} /pybuild/stages /pybuild/mounts || echo none"
    script = f"BUILD || echo ended with $?; {search}"
    command = "--mount=type=secret,id=token ln /run/secrets/token /l; exit 5"
    text = f"FROM {{library}}/busybox:latest\nRUN {command}\n"
    done = build(text, script=script, **secret)
    assert done.stdout.splitlines()[-2:] == ["ended with 5", "none"]


def test_a_run_without_network_is_refused_before_anything_runs(build):
    text = "FROM {library}/busybox:latest\nRUN touch /first\nRUN --network=none true\n"
    done = build(text)
    assert done.returncode != 0
    assert "needs a network namespace, which cannot be made here" in done.stderr
    assert "] RUN touch /first" not in done.stderr
    assert not build.pushed


VOLUME = ["--tmpfs", "/app/data"]


def test_a_mount_that_no_run_has_to_do_with_is_no_trouble(build):
    succeeded(build("FROM {library}/busybox:latest\nRUN echo x > /x\n", options=VOLUME))
    assert build.files()["x"] == b"x\n"


def test_a_mount_in_a_directory_of_the_image_is_refused_and_named(build):
    text = "FROM {library}/busybox:latest\nWORKDIR /app\nRUN echo x > /app/data/x\n"
    done = build(text, options=VOLUME)
    assert done.returncode == 7, done.stderr
    assert "/app/data is a mount of this container, and lies in /app of the image" in done.stderr
    assert not build.pushed


@pytest.mark.parametrize(
    ("command", "status", "line"),
    [
        ("echo x > /volume/deep/er/new", 0, "the command wrote to a mount of this container, not"),
        ("rm -r /volume/deep", 6, "the command deleted from a mount of this container: /volume/d"),
    ],
)
def test_what_a_run_does_to_a_caller_s_volume_is_seen(build, tmp_path, command, status, line):
    volume = projects.project(tmp_path / "volume", {"deep/er/file": "the caller's"})
    text = f"FROM {{library}}/busybox:latest\nRUN {command}\n"
    done = build(text, mounts={volume: "/volume"})
    assert done.returncode == status, done.stderr
    assert line in done.stderr
    assert build.pushed == (status == 0)
