"""The GitLab component: its job as gitlab-runner's docker executor runs it, in the real image."""

from pathlib import Path

import pytest

from e2e import images, projects
from tools import gitlab_expand, gitlab_runner
from tools.services import machine

TEMPLATE = machine.ROOT / "gitlab/templates/pybuild/template.yml"
DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
COPY target/ /app/
ARG VERSION
RUN ["/bin/busybox", "sh", "-c", "echo \\"$VERSION\\" > /app/version"]
CMD ["/bin/busybox", "cat", "/app/version", "/app/list"]
"""
FAILING = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "echo boom; exit 3"]
"""
HOOK = 'mkdir target\nfor name in a b; do echo "$name" >> target/list; done'


@pytest.fixture
def run_job(run_image, private_registry, repository, tmp_path):
    """Runs the job that including the component with some inputs gives; gives the directory of
    the project too."""

    def run(dockerfile, inputs):
        pipeline = gitlab_expand.expand(TEMPLATE.read_text(), inputs)
        (job,) = pipeline.values()
        assert job["image"]["entrypoint"] == [""]

        project = projects.project(tmp_path / "project", {"Dockerfile": dockerfile})
        project.chmod(0o777)
        predefined = {
            "CI": "true",
            "GITLAB_CI": "true",
            "CI_PROJECT_DIR": gitlab_runner.PROJECT_DIR,
            "CI_COMMIT_REF_SLUG": "feature-x",
            "CI_REGISTRY": private_registry.host,
            "CI_REGISTRY_IMAGE": f"{private_registry.host}/{repository}",
            "CI_REGISTRY_USER": private_registry.user,
            "CI_REGISTRY_PASSWORD": private_registry.password,
        }
        done = run_image(
            gitlab_runner.command(),
            entrypoint="",
            stdin=gitlab_runner.script(job),
            env=gitlab_runner.environment(job, predefined),
            workdir=gitlab_runner.PROJECT_DIR,
            mounts={
                project: gitlab_runner.PROJECT_DIR,
                Path("/var/run/docker.sock"): "/var/run/docker.sock",  # socket binding
            },
        )
        return done, project, job["artifacts"]

    run.repository = f"{private_registry.host}/{repository}"
    return run


def test_the_job_pushes_to_the_registry_of_the_project_and_leaves_its_artifacts(
    run_job, private_registry
):
    inputs = {"pre-build": HOOK, "build-args": "VERSION=1.0 beta"}

    done, project, artifacts = run_job(DOCKERFILE, inputs)

    assert done.returncode == 0, done.stdout + done.stderr
    reference, config = f"{run_job.repository}:feature-x", private_registry.config_json
    digest = images.crane(config, "digest", reference)
    assert images.output_of(reference, config=config) == "1.0 beta\na\nb\n"

    dotenv = (project / artifacts["reports"]["dotenv"]).read_text()
    assert gitlab_runner.dotenv(dotenv) == {
        "IMAGE": reference,
        "IMAGE_DIGEST": digest,
        "IMAGE_REF": f"{run_job.repository}@{digest}",
    }
    (path,) = artifacts["paths"]
    summary = (project / path).read_text()
    assert summary.startswith(f"## 📦 `{reference}`: ✅ built and pushed in ")
    assert f"docker pull {run_job.repository}@{digest}" in summary
    for text in (done.stdout, done.stderr, summary, dotenv):
        assert private_registry.password not in text


def test_the_log_of_the_job_folds(run_job):
    done, _project, _artifacts = run_job(FAILING, {"push": False})

    sections = [line for line in done.stderr.split("\n") if "section_" in line]
    assert [line.split(":")[0] for line in sections] == [
        "\x1b[0Ksection_start",
        "\x1b[0Ksection_end",
    ]
    assert done.stdout == "$ pybuild gitlab\n"


def test_a_failing_run_fails_the_job_and_leaves_a_summary(run_job, private_registry):
    done, project, artifacts = run_job(FAILING, {"tags": "$CI_REGISTRY_IMAGE:v1"})

    assert done.returncode == 3
    assert not (project / artifacts["reports"]["dotenv"]).exists()
    (path,) = artifacts["paths"]
    summary = (project / path).read_text()
    assert summary.startswith("## 📦 ❌ failed with exit code 3\n")
    assert "```text\nboom\n```" in summary
    assert not images.has_tag(f"{run_job.repository}:v1", private_registry.config_json)
