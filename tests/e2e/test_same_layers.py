"""A default container and a host with overlay make the same layers; what is outside that promise in
docs/backends.md differs as it says."""

import io
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

import pytest

from e2e import projects
from e2e.same_layers import EPOCH, IN_PLACE, NAMESPACE, ONE_ID, OVERLAY, build

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
COPY --chmod=640 --exclude=*5 many /many/
COPY --link many/f1 program link /linked/
ADD archive.tar.gz /unpacked/
COPY <<end /heredoc
text of the Dockerfile
end
RUN <<end
set -e
mkdir -m 1777 /script
echo made > /script/file
cp -r /many /copied
end
RUN --mount=type=bind,target=/context --mount=type=cache,target=/cache \\
    --mount=type=tmpfs,target=/scratch \\
    cp /context/a.txt /cache/a && cp /cache/a /scratch/a && cp /scratch/a /mounted
RUN rm -r /opt/a/b && mkdir /opt/a/b && touch /opt/a/b/new
RUN mkfifo /opt/pipe && rm /bin/true && mkdir /bin/true
FROM scratch
COPY --from=base /opt /opt
COPY --from=base /work /work/
COPY --from=base /tmp/who /tmp/umask /tmp/cwd /out/
"""
STEPS = 14
MODES = {"program": 0o755, "a.txt": 0o600, "many/f3": 0o664}
LATER = int(EPOCH) + 1_000_000


def packed():
    """A tar.gz, the same bytes each time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, mode in (("d/f", 0o6755), ("d/g", 0o604)):
            member = tarfile.TarInfo(name)
            member.mode, member.uid, member.gid, member.size = mode, 7, 8, len(name)
            member.mtime = LATER
            tar.addfile(member, io.BytesIO(name.encode()))
    data = bytearray(buffer.getvalue())
    data[4:8] = bytes(4)  # the time in gzip's own header
    return bytes(data)


ARCHIVE = packed()


def context(target, *, backwards=False, mtime=None):
    """The project; ``backwards`` makes its files in the other order, ``mtime`` sets their times."""
    files = {"Dockerfile": DOCKERFILE, "a.txt": "a", "b.txt": "b", "program": "#!/bin/sh\n"}
    files |= {f"many/f{number}": str(number) for number in range(20)}
    projects.project(target, dict(reversed(files.items())) if backwards else files)
    (target / "archive.tar.gz").write_bytes(ARCHIVE)
    (target / "link").symlink_to("program")
    for path in target.rglob("*"):
        if not path.is_symlink():
            usual = 0o755 if path.is_dir() or path.name == "busybox" else 0o644
            path.chmod(MODES.get(str(path.relative_to(target)), usual))
        if mtime is not None:
            os.utime(path, (mtime, mtime), follow_symlinks=False)
    target.chmod(0o755)
    return target


@pytest.fixture(scope="module")
def memory():
    """A directory in memory: there, names are listed in the order in which they were made."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        yield Path(directory)


@pytest.fixture(scope="module")
def project(memory):
    return context(memory / "project")


@pytest.fixture(scope="module")
def expected(run_image, project, tmp_path_factory):
    """The layers that root's overlay makes."""
    folder = tmp_path_factory.mktemp("expected") / "build"
    layers = build(run_image, OVERLAY, project, folder, "--target", "base").layers
    shutil.rmtree(folder / "state")
    assert len(layers) == 1 + STEPS
    assert len(set(layers)) == 1 + STEPS
    return layers


@pytest.mark.parametrize("place", [IN_PLACE, NAMESPACE, OVERLAY])
def test_the_same_dockerfile_gives_the_same_layers_everywhere_and_each_time(
    run_image, project, expected, tmp_path, place
):
    built = build(run_image, place, project, tmp_path / "build", "--target", "base")
    assert built.layers == expected


@pytest.mark.parametrize("place", [IN_PLACE, NAMESPACE])
def test_times_order_and_umask_do_not_matter(run_image, memory, project, expected, tmp_path, place):
    other = context(memory / "other", backwards=True, mtime=LATER)
    try:
        assert os.listdir(other / "many") == os.listdir(project / "many")[::-1]  # noqa: PTH208
        arguments = ("--target", "base")
        built = build(run_image, place, other, tmp_path / "build", *arguments, umask="077")
        assert built.layers == expected
    finally:
        shutil.rmtree(other)


def test_what_is_copied_from_another_stage_is_the_same(run_image, project, tmp_path):
    here = build(run_image, IN_PLACE, project, tmp_path / "here").layers
    there = build(run_image, NAMESPACE, project, tmp_path / "there").layers
    assert here == there
    assert len(here) == 3


def both(run_image, tmp_path, text):
    """Build a Dockerfile's text in place and by overlay."""
    project = projects.project(tmp_path / "project", {"Dockerfile": text})
    return [build(run_image, place, project, tmp_path / place) for place in (IN_PLACE, OVERLAY)]


def test_one_name_of_a_linked_file_is_where_the_two_differ(run_image, tmp_path):
    """Overlay copies up the name that is written to, and the names part; documented."""
    text = "FROM busybox\nRUN echo a > /k; ln /k /m\nRUN echo more >> /m\nRUN cp /k /copy\n"
    here, there = both(run_image, tmp_path, text)
    assert here.layers[:2] == there.layers[:2]
    assert here.members(3)["copy"][1] == b"a\nmore\n"
    assert there.members(3)["copy"][1] == b"a\n"


def test_a_program_that_reacts_to_exdev_is_where_the_two_differ(run_image, tmp_path):
    """Overlay refuses to rename a directory of a lower layer; documented."""
    text = """\
FROM debian:bookworm-slim
RUN mkdir /old && echo x > /old/file
RUN perl -e 'print rename("/old", "/new") ? "renamed" : $!{EXDEV} ? "EXDEV" : $!' > /result
RUN test -e /new || mv /old /new
"""
    here, there = both(run_image, tmp_path, text)
    assert here.layers[:2] == there.layers[:2]
    assert here.members(2)["result"][1] == b"renamed"
    assert set(here.members(2)) >= {".wh.old", "new/file"}
    assert there.members(2)["result"][1] == b"EXDEV"
    assert not set(there.members(2)) & {".wh.old", "new/file"}
    assert set(there.members(3)) >= {".wh.old", "new/file"}  # mv copies where rename is refused


def test_with_one_id_a_file_that_a_run_changes_becomes_root_s_with_a_warning(run_image, tmp_path):
    text = """\
FROM busybox
COPY --chown=33:44 a b /
RUN echo more >> /a
"""
    files = {"Dockerfile": text, "a": "a\n", "b": "b\n"}
    project = projects.project(tmp_path / "project", files)
    one = build(run_image, ONE_ID, project, tmp_path / "one")
    all_ids = build(run_image, NAMESPACE, project, tmp_path / "all")

    def owner(built, layer, name):
        member = built.members(layer)[name][0]
        return member.uid, member.gid

    assert one.layers[:2] == all_ids.layers[:2]
    assert [owner(one, 1, name) for name in "ab"] == [(33, 44), (33, 44)]
    assert one.members(2)["a"][1] == b"a\nmore\n"
    assert owner(one, 2, "a") == (0, 0)
    assert owner(all_ids, 2, "a") == (33, 44)
    assert "b" not in one.members(2)
    assert one.log.count("one user id only: files of other owners") == 1
    assert "one user id only" not in all_ids.log
