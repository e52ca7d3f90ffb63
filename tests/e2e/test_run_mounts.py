"""RUN --mount in a default container and by overlay: what a RUN sees, and what stays of it."""

import gzip
import io
import json
import os
import shlex
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e import images, projects
from tools.services import machine
from tools.services.programs import program

PLACES = ["inplace", "overlay"]
SECRET = "hunter2-correct-horse"
OTHER = "tr0ub4dor-battery"


@dataclass
class Build:
    """Builds a Dockerfile's text in one of the places, and pushes.

    Attributes:
        place: ``inplace`` in the action image, ``overlay`` on this machine.
        state: The state directory of the builds by overlay.
    """

    place: str
    run_image: object
    registry: object
    directory: Path
    state: Path
    reference: str

    def __call__(self, text, *flags, files=None, env=None, times=1, mounts=None):
        text = text.replace("{library}", f"{self.registry.host}/library")
        contents = {"Dockerfile": text, "file": "context\n", **(files or {})}
        project = projects.project(self.directory, contents)
        arguments = ["build", "--push", "--tag", self.reference, *flags]
        if self.place == "overlay":
            return self._here([*arguments, str(project)], env or {}, times)
        line = shlex.join(["pybuild", *arguments, "/workspace"])
        return self.run_image(
            ["-ec", ";".join([line] * times)],
            entrypoint="/bin/sh",
            mounts={project: "/workspace:ro", **(mounts or {})},
            env=env,
        )

    def _here(self, arguments, env, times):
        command = [
            *(sys.executable, "-I", "-m", "pybuild.cli.main", *arguments),
            *("--rootfs", "overlay", "--state-dir", str(self.state)),
        ]
        for _ in range(times):
            done = subprocess.run(
                command,
                cwd=machine.ROOT,
                env={"PATH": os.environ["PATH"], "HOME": "/root", **env},
                check=False,
                capture_output=True,
                text=True,
            )
        return done

    def files(self) -> dict[str, bytes]:
        """What the pushed image holds: files with their bytes, all else without."""
        command = [program("crane"), "export", self.reference, "-"]
        archive = subprocess.run(command, check=True, capture_output=True).stdout
        return dict(_listed(archive))

    def layers(self) -> list[dict[str, bytes]]:
        """What each layer holds, the base's too."""
        return [dict(_listed(gzip.decompress(data))) for data in self.blobs()]

    def blobs(self, reference="") -> Iterator[bytes]:
        """The layers' bytes as they were pushed."""
        name = (reference or self.reference).rpartition(":")[0]
        for digest in images.layers_of(reference or self.reference):
            command = [program("crane"), "blob", f"{name}@{digest}"]
            yield subprocess.run(command, check=True, capture_output=True).stdout

    @property
    def pushed(self):
        return images.has_tag(self.reference)


def _listed(archive):
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            yield member.name, tar.extractfile(member).read() if member.isreg() else b""


@pytest.fixture(params=PLACES)
def build(request, run_image, open_registry, tmp_path, repository):
    reference = f"{open_registry.host}/{repository}:v1"
    return Build(
        request.param, run_image, open_registry, tmp_path / "project", tmp_path / "state", reference
    )


def succeeded(done):
    assert done.returncode == 0, done.stderr
    return done.stderr + done.stdout


@pytest.fixture
def secret_file(build, tmp_path):
    """Flags that give the secret from a file, and what makes the file be there."""
    path = tmp_path / "secrets" / "token"
    path.parent.mkdir()
    path.write_text(SECRET + "\n")
    if build.place == "overlay":
        return [f"--secret=id=token,src={path}"], {}
    return ["--secret=id=token,src=/given/token"], {path.parent: "/given:ro"}


# The words are split, so that the command itself does not hold them.
LEAKY = """
FROM {library}/busybox:latest
RUN --mount=type=secret,id=token --mount=type=secret,id=other,env=OTHER,required=true \\
    cat /run/secrets/token && echo "$OTHER" && stat -c '%a %u:%g' /run/secrets/token > /mode
RUN ! test -e /run/secrets && test -z "$OTHER" && \\
    (for pid in /proc/[0-9]*; do cat $pid/environ $pid/cmdline; done) > /seen 2>&1; \\
    find / -xdev -type f -exec grep -l -e hunter2"-correct" -e tr0ub4dor"-battery" {} + > /found; \\
    true
"""


def test_a_secret_is_nowhere_but_in_its_run(build, secret_file, open_registry, repository):
    flags, mounts = secret_file
    cache = f"{open_registry.host}/{repository}-cache"
    log = succeeded(
        build(
            LEAKY,
            *flags,
            "--secret=id=other,env=GIVEN",
            f"--cache-to=type=registry,ref={cache}",
            env={"GIVEN": OTHER},
            mounts=mounts,
        )
    )
    assert log.count("***") >= 2
    config = json.dumps(images.config_of(build.reference))
    tags = images.crane(None, "ls", cache).split()
    assert len(tags) == 2
    entries = [images.crane(None, "manifest", f"{cache}:{tag}") for tag in tags]
    everything = [log.encode(), config.encode(), *(entry.encode() for entry in entries)]
    everything += [gzip.decompress(blob) for blob in build.blobs()]
    for value in (SECRET, OTHER):
        assert not any(value.encode() in one for one in everything)
    files = build.files()
    assert files["mode"] == b"400 0:0\n"
    assert files["found"] == b""


def test_a_secret_s_other_value_is_no_other_step(build, secret_file, open_registry, repository):
    flags, mounts = secret_file
    cache = f"type=registry,ref={open_registry.host}/{repository}-cache"
    text = "FROM {library}/busybox:latest\nRUN --mount=type=secret,id=token date +%N > /when\n"
    succeeded(build(text, *flags, f"--cache-to={cache}", mounts=mounts))
    first = build.files()["when"]
    again = ["--secret=id=token,env=GIVEN", f"--cache-from={cache}"]
    log = succeeded(build(text, *again, env={"GIVEN": OTHER}))
    assert "CACHED" in log
    assert build.files()["when"] == first


def test_a_required_secret_that_is_not_given_fails_before_anything_runs(build):
    text = """
FROM {library}/busybox:latest
RUN echo has run
RUN --mount=type=secret,id=token,required true
"""
    done = build(text)
    assert done.returncode == 2, done.stderr
    assert "secret token: not found" in done.stderr
    assert "--secret id=token" in done.stderr
    assert ">>> RUN --mount=type=secret,id=token,required true" in done.stderr
    assert "has run" not in done.stderr.replace(">>>", "").replace("RUN echo has run", "")
    assert not build.pushed


def test_two_stages_take_turns_with_a_locked_cache(build):
    stage = """
FROM {library}/busybox:latest AS NAME
RUN --mount=type=cache,id=e2e-locked,target=/c,sharing=locked \\
    mkdir /c/taken && sleep 0.5 && rmdir /c/taken && echo NAME >> /c/log && cp /c/log /log
"""
    text = stage.replace("NAME", "one") + stage.replace("NAME", "two")
    text += "FROM scratch\nCOPY --from=one /log /one\nCOPY --from=two /log /two\n"
    succeeded(build(text))  # whether one had to wait depends on which stage was unpacked first
    files = build.files()
    logs = sorted((files["one"].split(), files["two"].split()), key=len)
    assert sorted(logs[1]) == [b"one", b"two"]
    assert logs[1][:1] == logs[0]


def test_a_cache_is_there_in_the_next_build_and_never_in_the_image(build):
    text = """
FROM {library}/busybox:latest
RUN --mount=type=cache,target=/c/deep echo x >> /c/deep/f && wc -l < /c/deep/f > /count
RUN ! test -e /c
"""
    succeeded(build(text, times=2))
    files = build.files()
    assert files["count"] == b"2\n"
    assert not any(name.startswith("c/") or name == "c" for name in files)


def test_what_a_run_writes_to_a_bind_vanishes(build):
    text = """
FROM {library}/busybox:latest AS made
RUN mkdir /made && echo made > /made/f
FROM {library}/busybox:latest
RUN --mount=target=/src,rw echo other > /src/file && rm /src/busybox && touch /src/new
RUN --mount=target=/src cp /src/file /file && test -e /src/busybox && ! test -e /src/new
RUN --mount=from=made,source=/made,target=/m,rw echo other > /m/f && ln /m/f /m/g
RUN --mount=from=made,source=/made,target=/m cp /m/f /f && ! test -e /m/g
COPY --from=made /made /made
"""
    succeeded(build(text))
    files = build.files()
    assert files["file"] == b"context\n"
    assert files["f"] == files["made/f"] == b"made\n"
    assert (build.directory / "file").read_text() == "context\n"
    assert not (build.directory / "new").exists()


def test_what_a_run_writes_to_a_bind_that_is_read_only_is_in_no_image(build):
    text = """
FROM {library}/busybox:latest
RUN --mount=target=/src echo other > /src/file; true
RUN --mount=target=/src cp /src/file /file
"""
    succeeded(build(text))
    assert build.files()["file"] == b"context\n"
    assert (build.directory / "file").read_text() == "context\n"


def test_a_bind_leaves_out_what_is_ignored_and_belongs_to_root(build):
    text = """
FROM {library}/busybox:latest
RUN --mount=target=/src find /src | sort > /list && stat -c '%u:%g' /src/file /src/d > /owners
RUN --mount=source=d/g,target=/one/file cp /one/file /g
"""
    files = {".dockerignore": "secret\nbusybox\n", "secret": "no", "d/g": "deep\n"}
    succeeded(build(text, files=files))
    found = build.files()
    assert found["list"].decode().split() == [
        "/src", "/src/.dockerignore", "/src/Dockerfile", "/src/d", "/src/d/g", "/src/file",
    ]  # fmt: skip
    assert found["owners"] == b"0:0\n0:0\n"
    assert found["g"] == b"deep\n"


def test_a_run_waits_for_the_stage_that_it_mounts(build):
    text = """
FROM {library}/busybox:latest AS slow
RUN sleep 1 && mkdir /out && echo slow > /out/f
FROM {library}/busybox:latest
RUN --mount=from=slow,source=/out,target=/in cp /in/f /f
"""
    succeeded(build(text))
    assert build.files()["f"] == b"slow\n"


def test_mount_points_leave_no_trace(build):
    text = """
FROM {library}/busybox:latest
RUN echo before > /before
RUN --mount=target=/a/b/src --mount=type=cache,target=/a/c --mount=type=tmpfs,target=/a/t \\
    --mount=type=secret,id=token,target=/a/s/token --mount=type=bind,source=file,target=/a/file \\
    echo x > /a/t/f && test -e /a/s/token && test -e /a/file
RUN <<EOF
#!/bin/sh
echo $0
test -x /dev/pipes/EOF
EOF
RUN ! test -e /a && ! test -e /dev/pipes && test "$(cat /before)" = before
"""
    succeeded(build(text, "--secret=id=token,env=GIVEN", env={"GIVEN": OTHER}))
    assert [list(layer) for layer in build.layers()[-4:]] == [["before"], [], [], []]


def test_an_empty_mount_is_empty_each_time(build):
    text = """
FROM {library}/busybox:latest
RUN --mount=type=tmpfs,target=/t stat -c %a /t > /mode && echo x > /t/f
RUN --mount=type=tmpfs,target=/t ls -A /t > /list
"""
    succeeded(build(text))
    files = build.files()
    assert files["list"] == b""
    assert files["mode"] == b"1777\n"


@pytest.fixture
def agent(tmp_path_factory):
    """The socket of an agent that says hello."""
    path = tmp_path_factory.mktemp("agent") / "socket"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def answer():
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                client.sendall(b"hello\n")

    thread = threading.Thread(target=answer)
    thread.start()
    yield path
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


CALL = "use IO::Socket::UNIX; print IO::Socket::UNIX->new($ENV{SSH_AUTH_SOCK})->getline or die"


def test_a_run_talks_to_an_agent_and_others_do_not(build, agent):
    text = f"""
FROM {{library}}/debian:bookworm-slim
RUN --mount=type=ssh,required perl -e '{CALL}' > /said
USER 33
RUN --mount=type=ssh,uid=33 perl -e '{CALL}' > /tmp/said
USER root
RUN test -z "$SSH_AUTH_SOCK" && ! test -e /run/buildkit
"""
    mounts = {}
    flag = f"--ssh=default={agent}"
    if build.place == "inplace":
        mounts = {agent.parent: "/agent"}
        flag = f"--ssh=default=/agent/{agent.name}"
    succeeded(build(text, flag, mounts=mounts))
    files = build.files()
    assert files["said"] == files["tmp/said"] == b"hello\n"
    assert not any(name.startswith("run/buildkit") for name in files)
