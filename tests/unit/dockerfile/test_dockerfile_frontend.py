"""Whose language a Dockerfile is written in: ours, or a frontend's that cannot be run."""

import pytest

from pybuild.dockerfile.frontend import BUILT_IN
from pybuild.dockerfile.parser import parse
from pybuild.errors import DockerfileError

FOREIGN = "# syntax=example.com/mine:1\nFROM a\n"


@pytest.mark.parametrize(
    "name",
    [
        "docker/dockerfile",
        "docker/dockerfile:1",
        "docker/dockerfile:1.7-labs",
        "docker.io/docker/dockerfile-upstream:master",
        "reg.local:5000/mirror/docker/dockerfile@sha256:12",
        BUILT_IN,
    ],
)
def test_every_release_and_mirror_of_the_dockerfile_language_is_ours(name):
    assert parse(f"# syntax={name}\nFROM a\n", file="f").stages
    assert parse(FOREIGN, file="f", frontend=name).stages


def test_a_file_of_another_frontend_is_refused_with_its_line_and_a_way_out():
    with pytest.raises(DockerfileError) as caught:
        parse(FOREIGN, file="f")
    assert caught.value.message.startswith("frontend example.com/mine:1 is not supported")
    assert "--syntax=ignore" in caught.value.hint
    assert "1 | >>> # syntax" in caught.value.excerpt


def test_the_build_can_ask_for_a_frontend_that_the_file_does_not_name():
    assert parse(FOREIGN, file="f", frontend="").stages
    with pytest.raises(DockerfileError, match=r"frontend example\.com/other is not supported"):
        parse("# syntax=docker/dockerfile\nFROM a\n", file="f", frontend="example.com/other")
