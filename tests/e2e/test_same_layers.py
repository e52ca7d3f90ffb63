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


def by_overlay(project, out, state, *arguments):
    """Build on this machine by overlay; gives the layers."""
    done = subprocess.run(
        [
            *(sys.executable, "-I", "-m", "pybuild.cli.main", *arguments, "--rootfs", "overlay"),
            *("--output", f"type=oci,dest={out}/over,tar=false", "--state-dir", str(state)),
            str(project),
        ],
        cwd=machine.ROOT,
        env={"SOURCE_DATE_EPOCH": EPOCH, "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return layers(out / "over")


def in_place(run_image, project, out, *arguments):
    """Build in a default container; gives the layers."""
    output = "type=oci,dest=/builds/in,tar=false"
    done = run_image(
        [*arguments, "--rootfs", "inplace", "--output", output, "."],
        mounts={project: "/workspace:ro", out: "/builds"},
        env={"SOURCE_DATE_EPOCH": EPOCH},
    )
    assert done.returncode == 0, done.stderr
    return layers(out / "in")


@pytest.fixture
def out(tmp_path):
    """Where both builds write their layouts."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(("target", "count"), [("base", 8), ("", 3)])
def test_the_same_dockerfile_gives_the_same_layers_in_place_and_by_overlay(
    run_image, project, out, tmp_path, target, count
):
    here = in_place(run_image, project, out, *flags(target))
    there = by_overlay(project, out, tmp_path / "state", *flags(target))
    assert here == there
    assert len(here) == count + (1 if target else 0)


def test_one_name_of_a_linked_file_is_where_the_two_differ(run_image, out, tmp_path):
    """Overlay copies up the name that is written to, and the names part; documented."""
    text = "FROM busybox\nRUN echo a > /k; ln /k /m\nRUN echo more >> /m\nRUN cp /k /copy\n"
    project = projects.project(tmp_path / "project", {"Dockerfile": text})
    here = in_place(run_image, project, out, *flags(""))
    there = by_overlay(project, out, tmp_path / "state", *flags(""))
    assert here[:2] == there[:2]
    assert here[3] != there[3]
