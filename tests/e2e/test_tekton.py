"""The Tekton Task: its step as a pod would run it, in the real image, without privileges."""

import json

import pytest
import yaml

from e2e import images, projects
from tools.services import machine
from tools.tekton_runner import Task, run_task

TASK = machine.ROOT / "tekton/task/pybuild/0.1/pybuild.yaml"
DOCKERFILE = """\
FROM scratch AS one
COPY busybox /bin/busybox
ARG FIRST
ARG SECOND
RUN ["/bin/busybox", "sh", "-c", "echo \\"$FIRST, $SECOND\\" > /arguments"]
CMD ["/bin/busybox", "cat", "/arguments"]
FROM one AS two
RUN ["/bin/busybox", "sh", "-c", "echo boom; exit 3"]
"""


@pytest.fixture
def run(image, tmp_path, private_registry, repository):
    """Runs the Task on a source; gives its status and results."""
    source = projects.project(tmp_path / "source", {"docker/Dockerfile": DOCKERFILE})

    def run_it(target, *, workspaces=None, credentials="", **params):
        bound = {
            "IMAGE": run_it.reference,
            "DOCKERFILE": "docker/Dockerfile",
            "TARGET": target,
            "BUILDER_IMAGE": image,
            **params,
        }
        task = Task.load(TASK, bound, {"source": source, **(workspaces or {})})
        return run_task(task, network="host", credentials=credentials)

    run_it.reference = f"{private_registry.host}/{repository}:v1"
    return run_it


def secret_volume(folder, name, text):
    """A directory as Kubernetes mounts a secret: links by way of ``..data``."""
    data = folder / "..2026_01_01"
    data.mkdir(parents=True)
    (data / name).write_text(text)
    (folder / "..data").symlink_to(data.name)
    (folder / name).symlink_to(f"..data/{name}")
    return folder


@pytest.fixture
def docker_config(private_registry):
    """The text of a ``config.json`` for the private registry."""
    return json.dumps(private_registry.docker_config)


def check(done, reference, config):
    """The step went well, and the results are what the registry says."""
    assert [log.status for log in done.logs] == [0], done.logs[-1].stderr
    assert done.results == {
        "IMAGE_DIGEST": images.crane(config, "digest", reference),
        "IMAGE_URL": reference,
    }
    assert (done.missing, done.undeclared) == ([], [])
    assert done.results_fit


def test_the_task_wants_no_privileges():
    spec = yaml.safe_load(TASK.read_text())["spec"]

    contexts = [
        step.get("securityContext") for step in (spec.get("stepTemplate", {}), *spec["steps"])
    ]
    assert contexts == [None, {"runAsUser": 0}]
    assert not [volume for volume in spec.get("volumes", []) if "hostPath" in volume]


@pytest.mark.parametrize("name", ["config.json", ".dockerconfigjson"])
def test_the_task_pushes_with_the_credentials_of_a_workspace(
    run, name, docker_config, private_registry, tmp_path
):
    secret = secret_volume(tmp_path / "secret", name, docker_config)

    done = run(
        "one",
        workspaces={"dockerconfig": secret},
        BUILD_ARGS=["FIRST=a, b", "SECOND=--c -- d"],
        EXTRA_ARGS=["--label=org.example=yes", ""],
    )

    config = private_registry.config_json
    check(done, run.reference, config)
    assert images.output_of(run.reference, config=config) == "a, b, --c -- d\n"
    assert images.config_of(run.reference, config)["config"]["Labels"] == {"org.example": "yes"}


def test_the_task_pushes_with_the_credentials_of_the_service_account(
    run, docker_config, private_registry
):
    done = run("one", credentials=docker_config)

    check(done, run.reference, private_registry.config_json)


def test_a_failing_run_fails_the_step_and_leaves_no_results(run, docker_config, private_registry):
    done = run("two", credentials=docker_config)

    (log,) = done.logs
    assert log.status == 3
    assert "did not complete successfully: exit code: 3" in log.stderr
    assert done.results == {}
    assert not images.has_tag(run.reference, private_registry.config_json)
