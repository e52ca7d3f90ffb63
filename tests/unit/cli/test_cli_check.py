"""``pybuild check`` and ``--call``: what is said of a Dockerfile that is not built."""

import io
import json

import pytest

from pybuild.cli.invocation import Invocation
from pybuild.cli.main import run

DOCKERFILE = """\
# VERSION of the program
ARG VERSION=1
# base has the tools
FROM scratch AS base
RUN --mount=type=secret,id=token,required --mount=type=ssh --mount=type=cache,target=/c x
FROM base AS Final
ARG VERSION
MAINTAINER me
"""


class Ran:
    def __init__(self, folder, *arguments, dockerfile=DOCKERFILE, env=None):
        (folder / "Dockerfile").write_text(dockerfile)
        stdout, stderr = io.StringIO(), io.StringIO()
        invocation = Invocation(
            program="pybuild",
            arguments=arguments,
            env={"HOME": "/root", **(env or {})},
            cwd=folder,
            stdin=io.BytesIO(),
            stdout=stdout,
            stderr=stderr,
        )
        self.status = run(invocation)
        self.out, self.err = stdout.getvalue(), stderr.getvalue()


CHECKS = """\
Check complete, 2 warnings have been found!

WARNING: StageNameCasing - https://docs.docker.com/go/dockerfile/rule/stage-name-casing/
Stage name 'Final' should be lowercase
Dockerfile:6
--------------------
   4 |     FROM scratch AS base
   5 |     RUN --mount=type=secret,id=token,required --mount=type=ssh --mount=type=cache,target=/c x
   6 | >>> FROM base AS Final
   7 |     ARG VERSION
   8 |     MAINTAINER me
--------------------

WARNING: MaintainerDeprecated - https://docs.docker.com/go/dockerfile/rule/maintainer-deprecated/
Maintainer instruction is deprecated in favor of using label
Dockerfile:8
--------------------
   6 |     FROM base AS Final
   7 |     ARG VERSION
   8 | >>> MAINTAINER me
--------------------
"""


@pytest.mark.parametrize("arguments", [("check",), ("build", "--check"), ("build", "--call=check")])
def test_a_check_shows_every_violation_and_fails(tmp_path, arguments):
    ran = Ran(tmp_path, *arguments, ".")
    assert (ran.status, ran.out, ran.err) == (1, CHECKS, "")


def test_nothing_found_is_said_too(tmp_path):
    ran = Ran(tmp_path, "check", ".", dockerfile='FROM scratch\nCMD ["/x"]\n')
    assert (ran.status, ran.out) == (0, "Check complete, no warnings found.\n")


def test_a_check_as_json(tmp_path):
    ran = Ran(tmp_path, "check", "--format=json", ".")
    found = json.loads(ran.out)
    assert ran.status == 1
    assert [one["ruleName"] for one in found["warnings"]] == [
        "StageNameCasing",
        "MaintainerDeprecated",
    ]
    assert found["warnings"][1]["location"] == {
        "ranges": [{"start": {"line": 8}, "end": {"line": 8}}]
    }


def test_a_check_as_sarif(tmp_path):
    run_of = json.loads(Ran(tmp_path, "check", "--format", "sarif", ".").out)["runs"][0]
    assert [rule["id"] for rule in run_of["tool"]["driver"]["rules"]] == [
        "StageNameCasing",
        "MaintainerDeprecated",
    ]
    place = run_of["results"][0]["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "Dockerfile"},
        "region": {"startLine": 6, "endLine": 6},
    }


def test_the_targets(tmp_path):
    ran = Ran(tmp_path, "build", "--call", "targets", ".")
    assert ran.status == 0
    assert ran.out == (
        "TARGET            DESCRIPTION\nbase              has the tools\nfinal (default)\n"
    )


def test_what_a_target_can_be_given(tmp_path):
    ran = Ran(tmp_path, "build", "--call", "outline", "--build-arg", "VERSION=2", ".")
    assert ran.out == (
        "TARGET:      final\n"
        "\nBUILD ARG   VALUE   DESCRIPTION\nVERSION     2       of the program\n"
        "\nSECRET   REQUIRED\ntoken    true\n"
        "\nSSH       REQUIRED\ndefault\n"
        "\nCACHE MOUNT\n/c\n"
    )


def test_an_outline_as_json(tmp_path):
    found = json.loads(Ran(tmp_path, "build", "--call", "outline,format=json", ".").out)
    assert found["args"][0]["value"] == "1"
    assert [one["name"] for one in found["secrets"]] == ["token"]


def test_an_error_of_the_dockerfile_is_one(tmp_path):
    ran = Ran(tmp_path, "check", ".", dockerfile="FROM scratch\nNOPE\n")
    assert ran.status == 3
    assert "unknown instruction: NOPE" in ran.err


def test_a_base_image_that_cannot_be_asked_is_warned_of(tmp_path):
    ran = Ran(tmp_path, "check", ".", dockerfile="FROM 127.0.0.1:1/a:1\nENV a=$B\nMAINTAINER x\n")
    assert ran.status == 1
    assert "variables are not checked in stages on 127.0.0.1:1/a:1" in ran.err
    assert "UndefinedVar" not in ran.out


def test_a_form_that_is_not_known(tmp_path):
    ran = Ran(tmp_path, "check", "--format", "xml", ".")
    assert ran.status == 2
    assert "--format: 'xml' is not one of text, json, sarif" in ran.err
