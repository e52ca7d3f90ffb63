"""Files of a build as the workspace of its job knows them."""

import pytest

from pybuild.ci.checkout import Checkout
from pybuild.request import BuildRequest


@pytest.fixture
def workspace(tmp_path):
    """A workspace with a service in a directory of its own."""
    service = tmp_path / "workspace/services/api"
    service.mkdir(parents=True)
    for path in (service / "Dockerfile", tmp_path / "workspace/Dockerfile", tmp_path / "outside"):
        path.touch()
    return tmp_path / "workspace"


@pytest.mark.parametrize(
    ("context", "file", "located"),
    [
        ("{workspace}", "Dockerfile", "Dockerfile"),
        ("{workspace}/services/api", "Dockerfile", "services/api/Dockerfile"),
        ("{workspace}/services", "api/Dockerfile", "services/api/Dockerfile"),
        ("{workspace}/services/api", "docker/Dockerfile", "docker/Dockerfile"),  # not in there
        ("{workspace.parent}", "outside", "outside"),
        ("https://host.example/repository.git", "Dockerfile", "Dockerfile"),
        ("-", "Dockerfile", "Dockerfile"),
    ],
)
def test_a_file_is_called_by_its_place_in_the_workspace(workspace, context, file, located):
    request = BuildRequest(context.format(workspace=workspace), workspace / "state", 0)

    assert Checkout(workspace).locate(file, request) == located


def test_a_sub_path_of_the_context_counts(workspace):
    request = BuildRequest(str(workspace), workspace / "s", 0, context_sub_path="services/api")

    assert Checkout(workspace).locate("Dockerfile", request) == "services/api/Dockerfile"


def test_in_a_workspace_of_ours_nothing_changes_its_owner(monkeypatch, workspace):
    changed = []
    monkeypatch.setattr("os.lchown", lambda path, *_owner: changed.append(path))

    Checkout(workspace).hand_over([workspace / "services", workspace / "not-there"])

    assert changed == []


def test_a_workspace_that_is_not_there_is_no_error_where_nothing_was_written(tmp_path):
    Checkout(tmp_path / "none").hand_over([tmp_path / "elsewhere"])
