"""One context in every form gives one image."""

import subprocess

import boto3
import pytest

from e2e import images, projects
from tools.services import daemon

DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
COPY . /src/
RUN ["/bin/busybox", "ls", "/src"]
CMD ["/bin/busybox", "ls", "-A", "/src"]
"""
FILES = {
    "Dockerfile": DOCKERFILE,
    ".dockerignore": "*.log\n!keep.log\n.git\n",
    "a.txt": "a",
    "noise.log": "n",
    "keep.log": "k",
    "deep/noise.log": "only a pattern of the top level",
}
LISTED = [".dockerignore", "Dockerfile", "a.txt", "busybox", "deep", "keep.log"]


@pytest.fixture
def project(tmp_path):
    return projects.project(tmp_path / "project", FILES)


def check(done, reference):
    assert done.returncode == 0, done.stderr
    assert images.output_of(reference).split() == LISTED


def test_a_mounted_directory(run_image, project, open_registry, repository):
    reference = f"{open_registry.host}/{repository}:v1"
    done = run_image(["--destination", reference], mounts={project: "/workspace:ro"})
    check(done, reference)


def test_an_archive_on_s3(run_image, project, open_registry, repository, s3_endpoint, tmp_path):
    keys = {"aws_access_key_id": "id", "aws_secret_access_key": "key", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=s3_endpoint, **keys)
    client.create_bucket(Bucket="contexts")
    client.upload_file(str(projects.archive(project, tmp_path / "c.tgz")), "contexts", "ci/c.tgz")
    reference = f"{open_registry.host}/{repository}:v1"

    done = run_image(
        ["--context", "s3://contexts/ci/c.tgz", "--destination", reference],
        env={
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "key",
            "AWS_REGION": "us-east-1",
            "S3_ENDPOINT": s3_endpoint,
            "S3_FORCE_PATH_STYLE": "true",
        },
    )

    check(done, reference)


def test_a_tar_on_standard_input(image, project, open_registry, repository, tmp_path):
    reference = f"{open_registry.host}/{repository}:v1"
    with projects.archive(project, tmp_path / "c.tgz").open("rb") as stdin:
        done = subprocess.run(
            [
                *(daemon.DOCKER, "run", "--rm", "--interactive", "--network", "host", image),
                *("--context", "tar://stdin", "--destination", reference),
            ],
            check=False,
            stdin=stdin,
            capture_output=True,
        )
    assert done.returncode == 0, done.stderr.decode()
    assert images.output_of(reference).split() == LISTED
