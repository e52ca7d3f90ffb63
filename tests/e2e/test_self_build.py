"""The action image builds its own Dockerfile in a plain container, and what comes out is that
image: `test_image.py` runs on it too, and so do the tests that run inside."""

import functools
import json
import re
import subprocess

import pytest

from e2e import images, inside, projects
from e2e.builds import Build, succeeded
from tools.services import daemon, machine
from tools.services.programs import program

MOST_BYTES = 45_000_000
"""The sum of the layers' sizes in a registry."""

FILES = """
import json, os, stat
found = {}
for folder, directories, files in os.walk("/pybuild"):
    for name in directories + files:
        path = os.path.join(folder, name)
        status = os.lstat(path)
        link = os.readlink(path) if stat.S_ISLNK(status.st_mode) else ""
        found[path] = [stat.filemode(status.st_mode), status.st_uid, status.st_gid, link]
print(json.dumps(found))
"""


def files_of(run_image, image):
    """Path → mode, owner and target of everything below the prefix."""
    done = run_image(["-I", "-c", FILES], entrypoint="/pybuild/libexec/pybuild", built=image)
    return json.loads(done.stdout)


def test_it_has_the_files_that_docker_s_has(run_image, image, self_built):
    expected, found = files_of(run_image, image), files_of(run_image, self_built.reference)

    assert len(expected) > 1000
    assert sorted(found) == sorted(expected)
    assert {path: found[path] for path in found if found[path] != expected[path]} == {}


def test_it_is_configured_as_docker_s_is(image, self_built):
    inspected = daemon.docker("image", "inspect", "--format", "{{json .Config}}", image)
    expected, found = json.loads(inspected), images.config_of(self_built.reference)["config"]

    for name in ("Entrypoint", "Cmd", "Env", "WorkingDir", "User"):
        assert (found.get(name) or None) == (expected.get(name) or None), name


def test_it_is_small(self_built):
    manifest = json.loads(images.crane(None, "manifest", self_built.reference))

    assert sum(layer["size"] for layer in manifest["layers"]) <= MOST_BYTES


def test_a_registry_holds_it_as_its_manifest_says(self_built):
    command = [program("crane"), "validate", "--remote", self_built.reference]
    subprocess.run(command, check=True, capture_output=True)


def test_it_builds_the_example(run_image, self_built, tmp_path, open_registry, repository):
    recipe = (machine.ROOT / "examples" / "hello" / "Dockerfile").read_text()
    context = projects.project(tmp_path / "hello", {"Dockerfile": recipe})
    reference = f"{open_registry.host}/{repository}:v1"

    done = run_image(
        ["build", "--push", "--tag", reference, "/workspace"],
        built=self_built.reference,
        mounts={context: "/workspace:ro"},
    )

    assert done.returncode == 0, done.stderr
    assert images.output_of(reference) == "Hello from Linux, built without a daemon\n"


# All of them run in `tests/long/test_long_self_build.py`.
SOME = {
    "test_rootfs_inplace_inside.py": "turns or own_places or changes_are or looked_at or closed"
    " or kills or builder_is or devices or hook",
    "test_inplace_mounts_inside.py": "directory_is_seen or cache_keeps or secret_is or socket",
}


@pytest.mark.parametrize("tests", SOME)
def test_tests_inside_pass_in_it(self_built, tmp_path, tests):
    done = inside.passes(self_built.reference, tmp_path / "inside", tests, "-k", SOME[tests])
    passed = re.search(r"(\d+) passed", done)
    assert int(passed[1]) >= 8


EVERYTHING = """
FROM {library}/debian:bookworm-slim AS tools
RUN dpkg -s dpkg > /from-debian && install -d -o 33 -m 2755 /kept
FROM {library}/busybox:latest
COPY --from=tools /from-debian /
COPY --from=tools --chown=7 /kept /kept
RUN --mount=type=bind,target=/context --mount=type=bind,from=tools,source=/etc,target=/other \
    cat /context/file /other/debian_version > /bound
RUN --mount=type=cache,target=/cache echo 1 >> /cache/n
RUN --mount=type=cache,target=/cache cp /cache/n /count
RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /size
RUN <<end
echo made > /made
rm /from-debian
end
COPY <<end /text
of the Dockerfile
end
USER 33
WORKDIR /tmp/home
RUN id -u > /tmp/user
"""


def test_it_runs_mounts_and_copies(run_image, self_built, tmp_path, open_registry, repository):
    secret = projects.project(tmp_path / "secret", {"token": "hunter2"}) / "token"
    reference = f"{open_registry.host}/{repository}:v1"
    run_it = functools.partial(run_image, built=self_built.reference)
    build = Build(run_it, open_registry, tmp_path / "project", reference)

    succeeded(
        build(
            EVERYTHING,
            mounts={secret: "/run/token:ro"},
            more=["--secret", "id=token,src=/run/token"],
        )
    )

    files = build.files()
    assert files["bound"].startswith(b"context\n12.")
    assert (files["count"], files["size"]) == (b"1\n", b"7\n")
    assert (files["made"], files["text"]) == (b"made\n", b"of the Dockerfile\n")
    assert files["tmp/user"] == b"33\n"
    assert not files.keys() & {"from-debian", "run/secrets/token", "cache/n"}
    command = [program("crane"), "validate", "--remote", reference]
    subprocess.run(command, check=True, capture_output=True)
