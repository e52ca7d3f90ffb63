"""The action on github.com: its mounts, environment and reading of commands, and the real image."""

import base64
import json
import os
import secrets

import pytest

from e2e import images, projects
from e2e.access_log import AccessLog
from tools.github_runner import Runner
from tools.services import machine, registries

RUNNER_UID = 1001  # of github.com's hosted runners
INJECTION = "::error::injected"
DOCKERFILE = f"""\
FROM scratch
COPY busybox /bin/busybox
ARG FIRST
ARG SECOND
RUN ["/bin/busybox", "sh", "-c", "echo \\"$FIRST, $SECOND\\" > /arguments"]
RUN ["/bin/busybox", "echo", "{INJECTION}"]
RUN ["/bin/busybox", "echo", "in the middle ##[error]injected"]
CMD ["/bin/busybox", "cat", "/arguments"]
"""
FAILING = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "echo boom; exit 3"]
"""


def checked_out(folder, files):
    """The workspace of a job, which belongs to the runner's user."""
    work = folder / "work"
    workspace = projects.project(work / "app" / "app", files)
    projects.git(workspace, "init", "-q", "-b", "main")
    for path in (work, *work.rglob("*")):
        os.lchown(path, RUNNER_UID, RUNNER_UID)
    return workspace


def run_action(image, workspace, inputs, **options):
    """Run the action in a workspace."""
    return Runner(workspace, network="host").run(machine.ROOT, inputs, image=image, **options)


def login(registry):
    """The inputs that log in to a registry."""
    return {"registry": registry.host, "username": registry.user, "password": registry.password}


def strangers(workspace):
    """The files of a workspace that its owner could not remove."""
    return [str(path) for path in workspace.rglob("*") if path.lstat().st_uid != RUNNER_UID]


@pytest.fixture(scope="module")
def pushed(image, tmp_path_factory):
    """A run of the action that pushed an image under two names, and these."""
    registry = AccessLog(registries.PRIVATE)
    workspace = checked_out(tmp_path_factory.mktemp("pushed"), {"Dockerfile": DOCKERFILE})
    repository = f"{registry.host}/e2e/github-{secrets.token_hex(4)}"
    names = [f"{repository}:{tag}" for tag in ("v1", "v2")]
    inputs = {
        "tags": "\n".join(names),
        "push": "true",
        "build-args": "FIRST=one, two\nSECOND=three = 3",
        **login(registry),
    }
    done = run_action(image, workspace, inputs)
    assert done.status == 0, done.stdout + done.stderr
    assert strangers(workspace) == []
    return done, names


def test_inputs_with_hyphens_reach_the_build(pushed, private_registry):
    done, names = pushed

    assert done.unexpected_inputs == set()
    output = images.output_of(names[0], config=private_registry.config_json)
    assert output == "one, two, three = 3\n"


def test_outputs_are_what_the_registry_says(pushed, private_registry):
    done, names = pushed

    config = private_registry.config_json
    digests = {images.crane(config, "digest", name) for name in names}
    assert digests == {done.outputs["digest"]}
    manifest = json.loads(images.crane(config, "manifest", names[0]))
    assert done.outputs["imageid"] == manifest["config"]["digest"]
    metadata = json.loads(done.outputs["metadata"])
    assert metadata["containerimage.digest"] == done.outputs["digest"]
    assert metadata["containerimage.config.digest"] == done.outputs["imageid"]
    assert metadata["containerimage.descriptor"]["digest"] == done.outputs["digest"]
    assert metadata["image.name"] == ",".join(names)
    images.crane(config, "validate", "--remote", names[0])


def test_the_summary_tells_what_was_built_and_how_to_get_it(pushed):
    done, names = pushed

    assert done.summary_fits
    assert done.summary.startswith(f"## 📦 `{names[0]}`: ✅ built and pushed in ")
    repository = names[0].removesuffix(":v1")
    assert f"docker pull {repository}@{done.outputs['digest']}" in done.summary
    assert "| `[2/5] COPY busybox /bin/busybox` |" in done.summary


def test_the_secret_is_masked_before_anything_else_is_said(pushed, private_registry):
    done, _names = pushed

    pair = f"{private_registry.user}:{private_registry.password}"
    masks = [private_registry.password, base64.b64encode(pair.encode()).decode()]
    assert done.masks == masks
    assert [command.data for command in done.commands[:2]] == masks
    rest = done.stdout.split("::group::", 1)[1]
    for text in (rest, done.stderr, done.summary, *done.outputs.values()):
        assert not [mask for mask in masks if mask in text]


def test_lines_of_a_run_are_no_commands(pushed):
    done, _names = pushed

    said = [line for line in done.stdout.splitlines() if line.endswith(INJECTION)]
    assert said, "the line is shown"
    assert {command.name for command in done.commands} == {"add-mask", "group", "endgroup"}


def test_a_failing_run_is_shown_at_its_line_and_leaves_nothing(
    image, private_registry, repository, tmp_path
):
    workspace = checked_out(tmp_path, {"services/api/Dockerfile": FAILING})
    reference = f"{private_registry.host}/{repository}:v1"
    inputs = {"context": ".", "file": "services/api/Dockerfile", "tags": reference, "push": "true"}

    done = run_action(image, workspace, {**inputs, **login(private_registry)})

    assert done.status == 3
    (error,) = [command for command in done.commands if command.name == "error"]
    assert error.properties == {
        "title": "RUN failed (exit 3)",
        "file": "services/api/Dockerfile",
        "line": "3",
    }
    assert "did not complete successfully: exit code: 3" in error.data
    assert done.summary.startswith("## 📦 ❌ failed with exit code 3\n")
    assert "```text\nboom\n```" in done.summary
    assert done.outputs == {}
    assert not images.has_tag(reference, private_registry.config_json)
    assert strangers(workspace) == []


@pytest.mark.parametrize("inputs", [{}, {"file": "services/api/Dockerfile"}])
def test_an_annotation_finds_the_dockerfile_of_a_context_below_the_workspace(
    image, inputs, tmp_path
):
    workspace = checked_out(tmp_path, {"services/api/Dockerfile": "FROM scratch\nRUNN x\n"})

    done = run_action(image, workspace, {"context": "services/api", **inputs})

    assert done.status == 3
    (error,) = [command for command in done.commands if command.name == "error"]
    assert error.properties["file"] == "services/api/Dockerfile"
    assert error.properties["line"] == "2"


def test_what_a_build_leaves_in_the_workspace_belongs_to_its_owner(image, tmp_path):
    workspace = checked_out(tmp_path, {"Dockerfile": "FROM scratch\nCOPY target/jar /\n"})

    done = run_action(
        image,
        workspace,
        {"pre-build": "mkdir target; echo jar > target/jar", "outputs": "type=oci,dest=out/i.tar"},
    )

    assert done.status == 0, done.stdout + done.stderr
    assert (workspace / "out/i.tar").is_file()
    assert (workspace / "target/jar").read_text() == "jar\n"
    assert strangers(workspace) == []


def test_a_login_of_an_earlier_step_is_found_in_the_runners_temp(
    image, private_registry, repository, tmp_path
):
    workspace = checked_out(tmp_path, {"Dockerfile": "FROM scratch\nCOPY busybox /\n"})
    folder = Runner(workspace).temp / "docker"  # env: DOCKER_CONFIG: ${{ runner.temp }}/docker
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(private_registry.docker_config))
    reference = f"{private_registry.host}/{repository}:v1"

    done = run_action(
        image, workspace, {"tags": reference, "push": "true"}, env={"DOCKER_CONFIG": str(folder)}
    )

    assert done.status == 0, done.stdout + done.stderr
    digest = images.crane(private_registry.config_json, "digest", reference)
    assert done.outputs["digest"] == digest
