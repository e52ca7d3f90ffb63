"""Files made from the table of settings are up to date, and what their platforms accept."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema

from pybuild.cli.generate.documents import documents
from pybuild.settings.table import OPTIONS
from tools import gitlab_expand

ROOT = Path(__file__).parents[3]
DOCUMENTS = documents(ROOT)
ACTION = yaml.safe_load(DOCUMENTS["action.yml"])
TEMPLATE = DOCUMENTS["gitlab/templates/pybuild/template.yml"]
TASK = yaml.safe_load(DOCUMENTS["tekton/task/pybuild/0.1/pybuild.yaml"])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_file_in_the_repository_is_up_to_date(name):
    assert (ROOT / name).read_text() == DOCUMENTS[name], "run python -m pybuild.cli.generate"


def generate(*arguments):
    command = [sys.executable, "-m", "pybuild.cli.generate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_writes_what_is_stale(tmp_path):
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())

    first = generate(tmp_path)
    check = generate("--check", tmp_path)
    (tmp_path / "action.yml").write_text("other")
    stale = generate("--check", tmp_path)

    assert first.stdout.count("wrote ") == len(DOCUMENTS)
    assert (check.returncode, check.stdout) == (0, "")
    assert (stale.returncode, stale.stdout) == (1, "stale action.yml\n")


def check(document, name):
    schema = get_builtin_schema(name)
    jsonschema.validators.validator_for(schema)(schema).validate(document)


def test_the_action_is_what_github_accepts():
    check(ACTION, "vendor.github-actions")
    assert ACTION["runs"]["entrypoint"] == "/pybuild/bin/pybuild"
    assert set(ACTION["outputs"]) == {"digest", "imageid", "metadata"}


def test_the_inputs_people_know_are_there():
    known = """context file tags push build-args target registry username password git-branch
        git-token pre-build pre-build-image cache-from cache-to""".split()  # noqa: SIM905 - names

    assert set(known) <= set(ACTION["inputs"])
    assert all(spec["description"].endswith(".") for spec in ACTION["inputs"].values())
    assert not any("default" in spec for spec in ACTION["inputs"].values())


def test_the_expanded_component_is_what_gitlab_accepts():
    pipeline = gitlab_expand.expand(TEMPLATE, {})

    check(pipeline, "vendor.gitlab-ci")
    job = pipeline["build-image"]
    assert job["script"] == ["pybuild gitlab"]
    assert job["rules"] == [{"when": "on_success"}]
    assert job["variables"]["PYBUILD_TAG"] == "$CI_REGISTRY_IMAGE:$CI_COMMIT_REF_SLUG"
    assert job["artifacts"]["reports"] == {"dotenv": ".pybuild/build.env"}


def test_inputs_of_the_component_reach_the_job():
    given = {"job-name": "image", "tags": "a:1\na:2", "push": False, "build-args": 'A="x"\nB: y'}
    variables = gitlab_expand.expand(TEMPLATE, given)["image"]["variables"]

    assert variables["PYBUILD_TAG"] == "a:1\na:2"
    assert variables["PYBUILD_BUILD_ARG"] == 'A="x"\nB: y'
    assert variables["PYBUILD_PUSH"] == "false "


def test_no_variable_of_the_job_is_a_boolean_which_gitlab_refuses():
    variables = gitlab_expand.expand(TEMPLATE, {})["build-image"]["variables"]

    assert {type(value) for value in variables.values()} == {str, dict}
    assert variables["PYBUILD_PRE_BUILD"] == {"value": "", "expand": False}


def test_the_component_project_includes_its_own_component():
    pipeline = yaml.safe_load((ROOT / "gitlab/.gitlab-ci.yml").read_text())
    (include,) = pipeline["include"]

    check(pipeline, "vendor.gitlab-ci")
    assert "build-example" in gitlab_expand.expand(TEMPLATE, include["inputs"])


def test_the_task_is_what_tekton_accepts():
    schema = json.loads((ROOT / "tests/tools/task-v1.schema.json").read_text())

    jsonschema.validators.validator_for(schema)(schema).validate(TASK)


def test_array_parameters_of_the_task_stand_alone():
    arrays = {p["name"] for p in TASK["spec"]["params"] if p["type"] == "array"}
    (step,) = TASK["spec"]["steps"]

    assert arrays == {"BUILD_ARGS", "EXTRA_ARGS"}
    assert step["args"] == [
        "$(params.EXTRA_ARGS[*])", "--build-args", "$(params.BUILD_ARGS[*])", "--",
        "$(params.CONTEXT)",
    ]  # fmt: skip


def test_the_task_reads_every_parameter_and_writes_every_result():
    text = DOCUMENTS["tekton/task/pybuild/0.1/pybuild.yaml"]

    for param in TASK["spec"]["params"]:
        assert f"$(params.{param['name']}" in text
    for result in TASK["spec"]["results"]:
        assert f"$(results.{result['name']}.path)" in text


def test_the_reference_names_every_option_and_variable():
    page = DOCUMENTS["docs/reference.md"]

    for option in OPTIONS:
        assert f"### {option.name}\n" in page
        assert f"`{option.variable}`" in page
