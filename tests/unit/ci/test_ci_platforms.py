"""Each platform's inputs reach the build, and its outputs hold the result."""

import io
import os

import pytest

from pybuild.ci.tekton import given
from pybuild.ci.workflow_commands import break_commands
from pybuild.cli.invocation import Invocation
from pybuild.cli.main import run
from pybuild.errors import StepFailed
from pybuild.events import BuildWarning
from pybuild.oci.reference import Reference, Repository
from pybuild.request import Credential
from tools.fake_build import DIGEST, IMAGE_ID, FakeBuild
from tools.github_runner import parse_file_command

OLD = BuildWarning("OldBase", "it is old", "Dockerfile", 1)


class Job:
    """A job of a platform in a directory of its own."""

    def __init__(self, directory, command, *arguments, env, build=None):
        self.build = build or FakeBuild()
        stdout, stderr = io.StringIO(), io.StringIO()
        invocation = Invocation(
            program="pybuild",
            arguments=(command, *arguments) if command else (),
            env={"HOME": str(directory), **env},
            cwd=directory,
            stdin=io.BytesIO(),
            stdout=stdout,
            stderr=stderr,
            build=self.build,
            clock=lambda: 1_700_000_000.0,
        )
        self.status = run(invocation)
        self.out, self.err = stdout.getvalue(), stderr.getvalue()

    @property
    def request(self):
        return self.build.request


FAILURE = StepFailed(
    "exit code: 2", status=2, hint="look above", excerpt="app/Dockerfile:4\n   4 | >>> RUN make"
)


# GitHub


@pytest.fixture
def github(tmp_path, monkeypatch):
    """Runs the action as a runner would: its toolkit reads the process's own environment."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "Dockerfile").touch()
    files = {name: tmp_path / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for path in files.values():
        path.touch()

    def start(inputs=None, *, build=None, **more):
        env = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(workspace),
            **{name: str(path) for name, path in files.items()},
            **{f"INPUT_{name.upper()}": value for name, value in (inputs or {}).items()},
            **more,
        }
        for name in [name for name in os.environ if name.startswith(("INPUT_", "GITHUB_"))]:
            monkeypatch.delenv(name)
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        job = Job(workspace, "", env=env, build=build)
        job.workspace = workspace
        job.outputs = parse_file_command(files["GITHUB_OUTPUT"].read_text())
        job.summary = files["GITHUB_STEP_SUMMARY"].read_text()
        return job

    return start


def test_github_without_arguments_builds_the_workspace(github):
    job = github({"tags": "", "push": "", "build-args": ""})

    assert job.status == 0
    assert job.request.context == str(job.workspace)
    assert not job.request.push


def test_github_inputs(github):
    job = github(
        {
            "context": "sub",
            "file": "sub/D",
            "tags": "r.io/a:1,r.io/a:2\nr.io/b:1",
            "push": "true",
            "build-args": 'A=1,2\n"B=two\nlines"',
            "labels": "a=b",
            "target": "t",
            "cache-from": "type=registry,ref=r.io/c",
            "cache-to": "r.io/c",
            "git-branch": "b",
            "pre-build": "make\nmake test",
            "pre-build-image": "gcc",
        }
    )
    request = job.request

    assert request.context == str(job.workspace / "sub")
    assert request.dockerfile == "sub/D"
    assert [str(tag) for tag in request.tags] == ["r.io/a:1", "r.io/a:2", "r.io/b:1"]
    assert request.push
    assert request.build_args == (("A", "1,2"), ("B", "two\nlines"))
    assert request.labels == (("a", "b"),)
    assert request.target == "t"
    assert request.cache_from == request.cache_to == (Repository("r.io", "c"),)
    assert request.git.branch == "b"
    assert (request.hook.script, request.hook.image) == ("make\nmake test", "gcc")


def test_github_outputs(github):
    job = github({"tags": "r.io/a:1", "push": "true"})

    assert job.outputs["digest"] == DIGEST
    assert job.outputs["imageid"] == IMAGE_ID
    assert f'"containerimage.digest": "{DIGEST}"' in job.outputs["metadata"]
    assert job.summary.startswith("## 📦 `r.io/a:1`: ✅ built and pushed in 1.0s\n")


def test_github_folds_each_step_and_shows_warnings(github):
    job = github(build=FakeBuild(says=["hello"], warns=OLD))

    assert job.out.startswith(
        "::group::#1 [1/1] RUN make\n#1 0.500 hello\n::endgroup::\n#1 DONE 1.0s\n"
        "WARN: OldBase: it is old (Dockerfile:1)\n"
        "::warning title=OldBase,file=Dockerfile,line=1,"
    )
    assert f"\ndigest: {DIGEST}\n" in job.out
    assert job.err == ""


def test_github_failure_is_shown_at_its_line(github):
    job = github(build=FakeBuild(FAILURE, says=["boom"]))

    assert job.status == 2
    assert job.outputs == {}
    assert "::endgroup::\n#1 ERROR: exit code: 2\n" in job.out
    annotation = next(line for line in job.out.splitlines() if line.startswith("::error "))
    assert annotation.startswith("::error title=RUN failed (exit 2),file=app/Dockerfile,line=4,")
    assert annotation.endswith("::exit code: 2%0Alook above")
    assert job.summary.startswith("## 📦 ❌ failed with exit code 2\n")
    assert "```text\nboom\n```" in job.summary


def test_github_usage_errors_are_annotated_too(github):
    job = github({"push": "true"})

    assert job.status == 2
    assert job.err == ("ERROR: --push needs a name for the image\nhint: give --tag HOST/NAME:TAG\n")
    assert "::error title=UsageError" in job.out
    assert job.summary.startswith("## 📦 ❌ failed (UsageError)\n")


def test_github_masks_secrets_before_the_log_begins(github):
    inputs = {"username": "me", "password": "hunter22", "git-token": "token-1", "registry": "r.io"}
    job = github(inputs, build=FakeBuild(says=["hunter22 token-1"]))

    head, _, log = job.out.partition("::group::")
    assert head == "::add-mask::hunter22\n::add-mask::token-1\n::add-mask::bWU6aHVudGVyMjI=\n"
    assert "#1 0.500 *** ***\n" in log
    assert "hunter22" not in job.summary
    assert job.request.registries.credentials == (Credential("r.io", "me", "hunter22"),)


@pytest.mark.parametrize("line", ["::error::x", "##[error]x", "50%\r::add-mask::x"])
def test_github_takes_no_command_from_a_run(github, line):
    job = github(build=FakeBuild(says=[line]))

    assert not [text for text in job.out.splitlines() if text.strip().startswith(("::e", "::a"))
                and text != "::endgroup::"]  # fmt: skip
    assert "##[" not in job.out


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        ("::error::x", ": :error::x"),
        ("  ::error::x", "  : :error::x"),
        ("a ##[error]x ##[y]", "a # #[error]x # #[y]"),
        ("a::b", "a::b"),
    ],
)
def test_lines_that_would_be_commands_are_broken(line, broken):
    assert break_commands(line) == broken


def test_github_without_a_checkout_says_what_to_do(github, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    job = github(GITHUB_WORKSPACE=str(empty))

    assert job.status == 2
    assert "the workspace is empty, and there is no context" in job.err
    assert "actions/checkout" in job.err


def test_github_details_where_step_debugging_is_on(github):
    assert "debug: a detail" not in github().out
    assert "debug: a detail\n" in github(RUNNER_DEBUG="1").out


def test_github_input_wins_over_variable_and_variable_over_workspace(github):
    job = github({"target": "input"}, PYBUILD_TARGET="variable", PYBUILD_CONTEXT="/elsewhere")

    assert job.request.target == "input"
    assert job.request.context == "/elsewhere"


def test_github_summary_that_cannot_be_written_is_a_warning(github, tmp_path):
    job = github(GITHUB_STEP_SUMMARY=str(tmp_path / "missing/summary"))

    assert job.status == 0
    assert "::warning title=SummaryNotWritten" in job.out


# GitLab

GITLAB = {
    "GITLAB_CI": "true",
    "CI_REGISTRY": "registry.example",
    "CI_REGISTRY_USER": "gitlab-ci-token",
    "CI_REGISTRY_PASSWORD": "job-password",
    "PYBUILD_CONTEXT": ".",
    "PYBUILD_TAG": "registry.example/g/p:main registry.example/g/p:latest",
    "PYBUILD_PUSH": "true ",
    "PYBUILD_FILE": "",
}


def test_gitlab(tmp_path):
    job = Job(tmp_path, "gitlab", env=GITLAB)

    assert job.status == 0
    assert job.request.push
    assert job.request.registries.credentials == (
        Credential("registry.example", "gitlab-ci-token", "job-password"),
    )
    assert (tmp_path / ".pybuild/build.env").read_text() == (
        "IMAGE=registry.example/g/p:main\n"
        f"IMAGE_DIGEST={DIGEST}\n"
        f"IMAGE_REF=registry.example/g/p@{DIGEST}\n"
    )
    assert (tmp_path / ".pybuild/summary.md").read_text().startswith("## 📦 `registry.example/g/p")


def test_gitlab_folds_the_build(tmp_path):
    job = Job(tmp_path, "gitlab", env=GITLAB, build=FakeBuild(FAILURE))

    start = "\x1b[0Ksection_start:1700000000:pybuild_build\r\x1b[0KBuild the image\n"
    end = "\x1b[0Ksection_end:1700000000:pybuild_build\r\x1b[0K\n"
    assert job.err.startswith(start)
    assert end in job.err


def test_gitlab_failure_leaves_a_summary(tmp_path):
    job = Job(tmp_path, "gitlab", env=GITLAB, build=FakeBuild(FAILURE, says=["job-password"]))

    assert job.status == 2
    assert not (tmp_path / ".pybuild/build.env").exists()
    summary = (tmp_path / ".pybuild/summary.md").read_text()
    assert summary.startswith("## 📦 ❌ failed with exit code 2\n")
    assert "```text\n***\n```" in summary
    assert "job-password" not in job.err


def test_gitlab_takes_flags_too(tmp_path):
    job = Job(tmp_path, "gitlab", "--target=t", "--push=false", env=GITLAB)

    assert job.request.target == "t"
    assert not job.request.push


def test_gitlab_lends_the_dependency_proxy(tmp_path):
    env = {
        **GITLAB,
        "CI_DEPENDENCY_PROXY_SERVER": "gitlab.example:443",
        "CI_DEPENDENCY_PROXY_USER": "u",
        "CI_DEPENDENCY_PROXY_PASSWORD": "proxy-pw",
        "PYBUILD_REGISTRY": "registry.example",
        "PYBUILD_USERNAME": "me",
        "PYBUILD_PASSWORD": "own-password",
    }
    credentials = Job(tmp_path, "gitlab", env=env).request.registries.credentials

    assert [(credential.host, credential.user) for credential in credentials] == [
        ("registry.example", "me"),
        ("registry.example", "gitlab-ci-token"),
        ("gitlab.example:443", "u"),
        ("gitlab.example", "u"),
    ]


# Tekton


@pytest.mark.parametrize(
    ("arguments", "build_args", "context"),
    [
        (["--build-args", "A=1", "B=2", "--", "."], ("A=1", "B=2"), (".",)),
        (["--build-args", "--", "."], None, (".",)),
        (["", "--build-args", "", "--", "ctx"], None, ("ctx",)),
        (["--build-args", "A=--", "--x=1", "--", "."], ("A=--", "--x=1"), (".",)),
        (["--build-arg=Z=0", "--build-args", "A=1", "--", "."], ("Z=0", "A=1"), (".",)),
        (["--build-args", "--", ""], None, None),
        ([], None, None),
    ],
)
def test_arguments_of_the_task(arguments, build_args, context):
    layer = given(arguments)

    assert (layer["build-arg"].values if "build-arg" in layer else None) == build_args
    assert (layer["context"].values if "context" in layer else None) == context


def test_tekton(tmp_path):
    env = {
        "PYBUILD_TAG": "r.io/a:1",
        "PYBUILD_PUSH": "true",
        "PYBUILD_DOCKERCONFIG": "",
        "PYBUILD_RESULT_DIGEST": str(tmp_path / "digest"),
        "PYBUILD_RESULT_URL": str(tmp_path / "url"),
    }
    job = Job(tmp_path, "tekton", "--target=t", "--build-args", "A=1", "--", ".", env=env)

    assert job.status == 0
    assert job.request.tags == (Reference.parse("r.io/a:1"),)
    assert job.request.build_args == (("A", "1"),)
    assert job.request.target == "t"
    assert (tmp_path / "digest").read_bytes() == DIGEST.encode()
    assert (tmp_path / "url").read_bytes() == b"r.io/a:1"
    assert "WARN: UnknownVariable" not in job.err


def test_tekton_failure_writes_no_result(tmp_path):
    env = {"PYBUILD_RESULT_DIGEST": str(tmp_path / "digest")}
    job = Job(tmp_path, "tekton", "--", ".", env=env, build=FakeBuild(FAILURE))

    assert job.status == 2
    assert not (tmp_path / "digest").exists()
