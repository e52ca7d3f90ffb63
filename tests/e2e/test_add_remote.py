"""ADD of URLs and git repositories, and URLs as contexts, by the action image."""

import hashlib
import secrets

import pytest

from e2e import images, projects
from tools.file_server import FileServer, Served
from tools.git_origin import Origin
from tools.git_server import GitServer

LAST = "Tue, 01 Aug 2023 10:00:00 GMT"
LAST_S = 1_690_884_000
DATA = b"downloaded\n" * 1_000


@pytest.fixture
def server():
    with FileServer() as running:
        yield running


def build(run_image, reference, arguments, **more):
    return run_image(["build", "--push", "--tag", reference, *arguments], **more)


def test_a_file_and_a_private_repository(run_image, server, open_registry, repository, tmp_path):
    reference = f"{open_registry.host}/{repository}:v1"
    token = secrets.token_hex(8)
    server.files["/f.tar"] = Served(DATA, {"Last-Modified": LAST}, authorization=f"Bearer {token}")
    origin, module = Origin(tmp_path / "git", "app.git"), Origin(tmp_path / "git", "module.git")
    commit = module.commit({"inner": "inner\n"})
    module.push("main")
    origin.add_submodule("module", "../module.git", commit)
    origin.commit({"sub/a": "a\n"})
    origin.push("main")
    with GitServer(tmp_path / "git/srv", token) as git:
        dockerfile = f"""\
FROM scratch
COPY busybox /bin/busybox
ADD --checksum=sha256:{hashlib.sha256(DATA).hexdigest()} {server.url("/f.tar")} /http/
ADD {git.url("app.git")}#main /git
ADD --keep-git-dir=true {git.url("app.git")} /kept
ENTRYPOINT ["/bin/busybox"]
"""
        context = projects.project(tmp_path / "project", {"Dockerfile": dockerfile})
        done = build(
            run_image,
            reference,
            [
                *("--secret", "id=GIT_AUTH_TOKEN,env=TOKEN"),
                *("--secret", "id=HTTP_AUTH_TOKEN_127.0.0.1,env=TOKEN"),
                "/workspace",
            ],
            mounts={context: "/workspace:ro"},
            env={"TOKEN": token},
        )

    assert done.returncode == 0, done.stderr
    assert token not in done.stdout + done.stderr
    stat = images.output_of(reference, "stat", "-c", "%a %u %g %s %Y", "/http/f.tar")
    assert stat.strip() == f"600 0 0 {len(DATA)} {LAST_S}"
    listed = images.output_of(reference, "find", "/git", "-type", "f").split()
    assert sorted(listed) == ["/git/.gitmodules", "/git/module/inner", "/git/sub/a"]
    assert images.output_of(reference, "cat", "/kept/.git/HEAD").strip() == origin.git(
        "rev-parse", "HEAD"
    )


def test_a_file_that_is_not_there_is_one_clear_error(run_image, server, tmp_path):
    dockerfile = f"FROM scratch\nADD {server.url('/gone')} /\n"
    context = projects.project(tmp_path / "project", {"Dockerfile": dockerfile})
    done = run_image(
        ["build", "--output", "type=tar,dest=/tmp/x.tar", "/workspace"],
        mounts={context: "/workspace:ro"},
    )

    assert done.returncode == 8
    assert f"cannot fetch {server.url('/gone')}: there is no such file" in done.stderr
    assert f"   2 | >>> ADD {server.url('/gone')} /" in done.stderr


def test_an_archive_at_a_url_is_a_context(run_image, server, open_registry, repository, tmp_path):
    reference = f"{open_registry.host}/{repository}:v1"
    dockerfile = 'FROM scratch\nCOPY . /\nENTRYPOINT ["/busybox"]\n'
    context = projects.project(tmp_path / "project", {"Dockerfile": dockerfile, "a": "a\n"})
    archive = projects.archive(context, tmp_path / "c.tgz")
    server.files["/c"] = Served(archive.read_bytes())
    done = build(run_image, reference, [server.url("/c")])

    assert done.returncode == 0, done.stderr
    assert images.output_of(reference, "cat", "/a") == "a\n"


def test_a_dockerfile_on_standard_input(run_image, open_registry, repository, tmp_path):
    reference = f"{open_registry.host}/{repository}:v1"
    context = projects.project(tmp_path / "project", {"Dockerfile": "wrong", "a": "a\n"})
    done = build(
        run_image,
        reference,
        ["--file", "-", "/workspace"],
        mounts={context: "/workspace:ro"},
        stdin='FROM scratch\nCOPY . /\nENTRYPOINT ["/busybox"]\n',
    )

    assert done.returncode == 0, done.stderr
    assert images.output_of(reference, "cat", "/a") == "a\n"
