"""A default container and a host with overlay make the same layers."""

import json
import subprocess
import sys

import pytest

from e2e import projects
from tools.services import machine, registries

DOCKERFILE = """\
FROM debian:bookworm-slim AS base
RUN rm -r /usr/share/debconf && mkdir -p /opt/a/b && echo x > /opt/a/b/c
RUN ln /opt/a/b/c /opt/a/d && chmod 4755 /opt/a/b/c && chown 33:33 /opt/a
RUN mv /etc/issue /etc/issue.moved && ln -s c /opt/a/b/l
WORKDIR /work/dir
USER www-data
RUN id -un > /tmp/who && umask > /tmp/umask && pwd > /tmp/cwd
USER root
COPY --chown=www-data:daemon busybox *.txt ./
RUN rm -r /opt/a/b && mkdir /opt/a/b && touch /opt/a/b/new
RUN mkfifo /opt/pipe && rm /bin/true && mkdir /bin/true
FROM scratch
COPY --from=base /opt /opt
COPY --from=base /work /work/
COPY --from=base /tmp/who /tmp/umask /tmp/cwd /out/
"""
EPOCH = "1700000000"


@pytest.fixture
def project(tmp_path):
    return projects.project(
        tmp_path / "project", {"Dockerfile": DOCKERFILE, "a.txt": "a", "b.txt": "b"}
    )


def layers(layout):
    """Digests of the layers of the one image in an OCI layout."""

    def blob(digest):
        return json.loads((layout / "blobs/sha256" / digest.removeprefix("sha256:")).read_text())

    index = json.loads((layout / "index.json").read_text())
    manifest = blob(index["manifests"][0]["digest"])
    return [layer["digest"] for layer in manifest["layers"]]


def flags(target):
    return [
        *("build", "--rewrite-timestamp", "--registry-mirror", f"docker.io={registries.OPEN.host}"),
        *("--target", target),
    ]


@pytest.mark.parametrize(("target", "count"), [("base", 8), ("", 3)])
def test_the_same_dockerfile_gives_the_same_layers_in_place_and_by_overlay(
    run_image, project, tmp_path, target, count
):
    out = tmp_path / "out"
    out.mkdir()
    inside = run_image(
        [
            *flags(target),
            "--rootfs",
            "inplace",
            "--output",
            "type=oci,dest=/builds/in,tar=false",
            ".",
        ],
        mounts={project: "/workspace:ro", out: "/builds"},
        env={"SOURCE_DATE_EPOCH": EPOCH},
    )
    assert inside.returncode == 0, inside.stderr
    overlay = subprocess.run(
        [
            *(
                sys.executable,
                "-I",
                "-m",
                "pybuild.cli.main",
                *flags(target),
                "--rootfs",
                "overlay",
            ),
            *(
                "--output",
                f"type=oci,dest={out}/over,tar=false",
                "--state-dir",
                str(tmp_path / "state"),
            ),
            str(project),
        ],
        cwd=machine.ROOT,
        env={"SOURCE_DATE_EPOCH": EPOCH, "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert overlay.returncode == 0, overlay.stderr

    in_place, by_overlay = layers(out / "in"), layers(out / "over")

    assert in_place == by_overlay
    assert len(in_place) == count + (1 if target else 0)
