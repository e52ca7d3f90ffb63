"""An archive on standard output, and Kaniko's layout: what the programs behind them read."""

import io
import json
import tarfile

import pytest

from e2e import projects

FILES = {"Dockerfile": "FROM scratch\nCOPY file /file\n", "file": "of the context\n"}


@pytest.fixture
def project(tmp_path):
    return projects.project(tmp_path / "project", FILES)


def test_files_on_standard_output(run_image, project):
    done = run_image(["build", "-o", "-", "/workspace"], mounts={project: "/workspace:ro"})

    assert done.returncode == 0, done.stderr
    with tarfile.open(fileobj=io.BytesIO(done.stdout.encode())) as archive:
        assert archive.getnames() == ["file"]
        assert archive.extractfile("file").read() == FILES["file"].encode()
    assert "digest: sha256:" in done.stderr


@pytest.mark.parametrize(("command", "count"), [("executor", 1), ("build", 2)])
def test_a_layout_of_an_image_with_two_names(run_image, project, tmp_path, command, count):
    """Kaniko's layout holds exactly the image; docker's lists it once for each name."""
    flags = {
        "executor": ["--no-push", "-d", "r.io/a:1", "-d", "r.io/b:2", "--oci-layout-path=/out/i"],
        "build": ["-t", "r.io/a:1", "-t", "r.io/b:2", "-o", "type=oci,tar=false,dest=/out/i", "."],
    }[command]
    (tmp_path / "out").mkdir()

    done = run_image([command, *flags], mounts={project: "/workspace:ro", tmp_path / "out": "/out"})

    assert done.returncode == 0, done.stderr
    manifests = json.loads((tmp_path / "out/i/index.json").read_text())["manifests"]
    assert len(manifests) == count
    assert len({one["digest"] for one in manifests}) == 1
