"""Whole builds in a plain container: what callers mount, what bases bring, what a RUN does."""

from pathlib import Path

import pytest

from e2e import projects
from e2e.builds import Build, succeeded

# As podman and Kubernetes' containerd start a container: CapEff 00000000800405fb.
FEWER_RIGHTS = [f"--cap-drop={name}" for name in ("MKNOD", "NET_RAW", "AUDIT_WRITE")]
SOCKET = Path("/var/run/docker.sock")


@pytest.fixture
def build(run_image, open_registry, tmp_path, repository):
    reference = f"{open_registry.host}/{repository}:v1"
    return Build(run_image, open_registry, tmp_path / "project", reference)


@pytest.mark.parametrize("rights", [[], FEWER_RIGHTS], ids=["docker", "podman"])
def test_three_stages_of_three_root_filesystems(build, rights):
    text = """
FROM {library}/debian:bookworm-slim AS first
RUN dpkg -s dpkg > /from-debian && ! test -e /from-busybox
FROM {library}/busybox:latest AS second
RUN ! test -e /var/lib/dpkg && echo busybox > /from-busybox
COPY --from=first /from-debian /
FROM scratch
COPY busybox /only/busybox
COPY --from=second /from-busybox /from-debian /
RUN ["/only/busybox", "cp", "/from-busybox", "/made-without-a-shell"]
RUN ["/only/busybox", "test", "!", "-e", "/bin"]
"""
    succeeded(build(text, options=rights))
    files = build.files()
    assert files["made-without-a-shell"] == b"busybox\n"
    assert b"Package: dpkg" in files["from-debian"]
    assert {name.split("/")[0] for name in files} == {
        "from-busybox", "from-debian", "made-without-a-shell", "only",
    }  # fmt: skip


@pytest.mark.parametrize("read_only", [False, True], ids=["writable", "read-only"])
def test_what_callers_mount_is_out_of_the_image_s_way(build, tmp_path, read_only):
    account = projects.project(tmp_path / "account", {"token": "service-account-token"})
    config = tmp_path / "config.json"
    config.write_text("{}")
    text = """
FROM {library}/busybox:latest AS base
RUN mkdir -p /kaniko /workspace /var/run /run && echo own > /kaniko/own && echo own > /workspace/own
FROM base
WORKDIR /workspace
RUN test "$(cat own)" = own && ! test -e Dockerfile && pwd > /where
COPY file .
RUN cat file own > both && echo 1 > /var/run/pid && echo 2 > /run/other
RUN ! test -S /var/run/docker.sock
RUN ! test -e /var/run/secrets/kubernetes.io/serviceaccount/token && ! test -e /kaniko/.docker
RUN echo kept > /tmp/kept && ! test -e /tmp/volume
"""
    volume = projects.project(tmp_path / "volume", {"volume": ""})
    mounts = {
        SOCKET: "/var/run/docker.sock",
        account: "/var/run/secrets/kubernetes.io/serviceaccount:ro",
        config: "/kaniko/.docker/config.json:ro",
        volume: "/tmp",
    }
    succeeded(build(text, mounts=mounts, read_only=read_only))
    files = build.files()
    assert files["where"] == b"/workspace\n"
    assert files["workspace/both"] == b"context\nown\n"
    assert files["kaniko/own"] == b"own\n"
    assert files["tmp/kept"] == b"kept\n"
    assert b"1\n" in {files.get("var/run/pid"), files.get("run/pid")}
    assert not {name for name in files if "token" in name or "docker.sock" in name}
    assert not (volume / "kept").exists()


def test_an_image_with_the_builder_s_prefix_can_be_copied_from(build):
    text = """
FROM scratch AS odd
COPY busybox /pybuild/bin/tool
FROM {library}/busybox:latest
COPY --from=odd /pybuild/bin/tool /busybox
RUN /busybox echo works > /out
"""
    succeeded(build(text))
    assert build.files()["out"] == b"works\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            'FROM scratch\nCOPY busybox /pybuild/bin/tool\nRUN ["/pybuild/bin/tool", "true"]\n',
            "/pybuild",
        ),
        ("FROM {library}/busybox:latest\nWORKDIR /foreign/a\nRUN true\n", "/foreign"),
        (
            'FROM scratch\nCOPY busybox /tool\nCOPY busybox /etc\nRUN ["/tool", "true"]\n',
            "/etc of the image is not a directory",
        ),
    ],
    ids=["prefix", "mount", "file"],
)
def test_what_cannot_run_here_is_refused_and_named(build, text, line):
    done = build(text, options=["--tmpfs", "/foreign"])
    assert done.returncode == 7, done.stderr
    assert line in done.stderr
    assert "Traceback" not in done.stderr
    assert not build.pushed


def test_twice_in_one_container_with_a_shell_before_and_after(build):
    script = (
        "ls -l /bin/sh > before; BUILD; ls -l /bin/sh | diff - before; BUILD; git --version;"
        ' test "$(cat file)" = context; cat /etc/hosts > /dev/null; id -u'
    )
    text = "FROM {library}/busybox:latest\nRUN mkdir /own && echo x > /etc/x\n"
    assert "git version" in succeeded(build(text, script=script))
    assert build.files()["etc/x"] == b"x\n"


@pytest.mark.parametrize(
    "command",
    [
        "find / -xdev -perm /6000 -exec chmod a-s {} +",
        "find / -xdev -path '*/kept/*' -exec rm {} +; true",
    ],
)
def test_what_a_clumsy_run_does_to_a_parked_stage_is_as_if_it_had_not_happened(build, command):
    text = f"""
FROM {{library}}/busybox:latest AS parked
RUN mkdir /kept && echo 'echo kept' > /kept/tool && chmod 4755 /kept/tool
FROM {{library}}/busybox:latest
RUN {command}
COPY --from=parked /kept/tool /tool
RUN test -u /tool && sh /tool > /out
"""
    log = succeeded(build(text))
    assert "of another stage, stage-0; it will be unpacked again" in log
    assert build.files()["out"] == b"kept\n"


def test_what_a_run_does_to_the_machine_is_as_if_it_had_not_happened(build):
    text = """
FROM {library}/busybox:latest
RUN kill -9 -1; true
RUN ! killall -9 pybuild && ! killall -9 python
RUN echo 192.0.2.1 127.0.0.1 localhost > /etc/hosts; echo nameserver 192.0.2.1 > /etc/resolv.conf
RUN ! grep -q 192.0.2.1 /etc/hosts /etc/resolv.conf
RUN (setsid sh -c 'while :; do echo x >> /daemon; sleep 0.01; done' &) ; sleep 0.1
RUN i=0; while [ $i -lt 500 ]; do sleep 8881 & i=$((i+1)); done; echo $i
RUN ! ps | grep -v grep | grep -q 8881; mkdir /dev/shm/d; echo x > /dev/shm/d/f; touch /dev/made
RUN test -z "$(ls /dev/shm)"; ! test -e /dev/made
RUN echo 'hosts: nowhere' > /etc/nsswitch.conf; echo /no.so > /etc/ld.so.preload; \
    mkdir -p /etc/ssl/certs /usr/lib/gconv; echo no > /etc/ssl/certs/ca-certificates.crt; \
    echo no > /usr/lib/gconv/gconv-modules; echo no > /etc/ssl/openssl.cnf
RUN echo end > /end
"""
    succeeded(build(text))
    files = build.files()
    assert files["end"] == b"end\n"
    assert files["etc/ld.so.preload"] == b"/no.so\n"
    assert "dev/made" not in files
    assert "etc/hosts" not in files or b"192.0.2.1" not in files["etc/hosts"]


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("echo x >> /pybuild/lib/added.py", "the builder's own file /pybuild/lib"),
        ("chmod a+w /pybuild/bin/busybox", "the builder's own file /pybuild/bin/busybox"),
        ("find / -xdev -type f -exec rm -f {} + 2>/dev/null; true", "the builder's own file /pyb"),
        ("rm -rf /pybuild 2>/dev/null; true", "a tree that cannot be moved out of the root"),
    ],
)
def test_a_run_that_changes_the_builder_fails_the_build_and_nothing_is_pushed(build, command, line):
    done = build(f"FROM {{library}}/busybox:latest\nRUN {command}\nRUN echo after > /after\n")
    assert done.returncode == 6, done.stderr
    assert line in done.stderr
    assert "Traceback" not in done.stderr
    assert not build.pushed


@pytest.mark.parametrize("init", [[], ["--init"]], ids=["plain", "init"])
def test_the_builder_s_memory_and_environment_are_closed_to_a_run(build, init):
    text = """
FROM {library}/busybox:latest
RUN for pid in /proc/[0-9]*; do \
      case $pid in /proc/self|/proc/$$) continue;; esac; \
      tr '\\0' '\\n' < $pid/environ; cat $pid/maps; ls $pid/fd; readlink $pid/cwd; \
    done > /seen 2>/dev/null; true
USER 33
RUN for pid in /proc/[0-9]*; do tr '\\0' '\\n' < $pid/environ; done 2>/dev/null > /tmp/seen; true
"""
    succeeded(build(text, options=init, env={"TEST_SECRET": "hunter2-secret"}))
    files = build.files()
    assert b"hunter2-secret" not in files["seen"] + files["tmp/seen"]
    assert b"/pybuild/" not in files["seen"]
