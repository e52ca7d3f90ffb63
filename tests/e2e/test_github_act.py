"""The action in a workflow that a real runner executes: act."""

import secrets

import pytest

from e2e import images, projects
from tools.act_runner import run_workflow
from tools.services import machine, registries

WORKFLOW = """\
name: e2e-{token}
on: push
jobs:
  image:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: ./
        id: build
        with:
          context: app
          push: true
          tags: {reference}
          build-args: |
            GREETING=hello from act
      - id: compare
        env:
          DIGEST: ${{{{ steps.build.outputs.digest }}}}
        run: |
          exec 3<>/dev/tcp/{host}/{port}
          printf 'HEAD /v2/{repository}/manifests/v1 HTTP/1.1\\r\\n' >&3
          printf 'Host: {host}:{port}\\r\\nConnection: close\\r\\n' >&3
          printf 'Accept: application/vnd.oci.image.manifest.v1+json\\r\\n\\r\\n' >&3
          grep "^Docker-Content-Digest: $DIGEST" <&3
"""
DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
ARG GREETING
RUN ["/bin/busybox", "sh", "-c", "echo \\"$GREETING\\" > /greeting; {command}"]
CMD ["/bin/busybox", "cat", "/greeting"]
"""


class Workflow:
    """A committed clone with the action, as a release has it, and a workflow that uses it."""

    def __init__(self, folder, image, registry):
        self.folder = folder
        token = secrets.token_hex(4)
        repository = f"e2e/act-{token}"
        self.reference = f"{registry.host}/{repository}:v1"

        action = (machine.ROOT / "action.yml").read_text()
        released = action.replace("image: Dockerfile\n", f"image: docker://{image}\n")
        assert released != action
        host, _, port = registry.host.partition(":")
        self._files = {
            "action.yml": released,
            ".github/workflows/image.yml": WORKFLOW.format(
                token=token,  # act names its containers by the workflow
                reference=self.reference,
                repository=repository,
                host=host,
                port=port,
            ),
        }

    def run(self, command):
        """Run it, with a command at the end of the Dockerfile's RUN."""
        clone, home = self.folder / "clone", self.folder / "home"
        projects.project(clone, self._files)
        projects.project(clone / "app", {"Dockerfile": DOCKERFILE.format(command=command)})
        projects.repository(clone, self.folder / "origin.git")
        home.mkdir()
        return run_workflow(clone, home)


@pytest.fixture(scope="module")
def built(image, tmp_path_factory):
    """A workflow that went well, and its run."""
    workflow = Workflow(tmp_path_factory.mktemp("act"), image, registries.OPEN)
    done = workflow.run("true")
    assert done.status == 0, done.text
    return workflow, done


def test_a_workflow_builds_and_pushes(built):
    workflow, done = built

    assert done.outputs["digest"] == images.crane(None, "digest", workflow.reference)
    assert images.output_of(workflow.reference) == "hello from act\n"


def test_the_next_step_knows_the_digest_that_the_registry_gives(built):
    _workflow, done = built

    assert done.step_results["compare"] == "success"
    assert f"Docker-Content-Digest: {done.outputs['digest']}" in done.text


def test_the_summary_of_a_workflow_tells_what_was_built(built):
    workflow, done = built

    name, digest = workflow.reference, done.outputs["digest"]
    assert done.summary.startswith(f"## 📦 `{name}`: ✅ built and pushed in ")
    assert f"docker pull {name.removesuffix(':v1')}@{digest}" in done.summary
    assert "| `[2/3] COPY busybox /bin/busybox` |" in done.summary


def test_a_failing_run_fails_the_job_with_an_annotation_at_its_line(image, tmp_path):
    workflow = Workflow(tmp_path, image, registries.OPEN)

    done = workflow.run("echo boom; exit 3")

    assert done.status == 1
    assert done.step_results["build"] == "failure"
    assert "compare" not in done.step_results
    (annotation,) = done.commands("error")
    assert annotation["kvPairs"]["title"] == "RUN failed (exit 3)"
    assert annotation["kvPairs"]["file"] == "app/Dockerfile"
    assert annotation["kvPairs"]["line"] == "4"
    assert "did not complete successfully: exit code: 3" in annotation["arg"]
    assert done.summary.startswith("## 📦 ❌ failed with exit code 3\n")
    assert "```text\nboom\n```" in done.summary
    assert not images.has_tag(workflow.reference)
