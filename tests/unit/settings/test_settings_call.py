"""Whether a Dockerfile is built, or only looked at."""

import pytest

from pybuild.errors import UsageError
from pybuild.settings import argv
from pybuild.settings.call import Call, read_call
from pybuild.settings.values import Values, build_flags, from_flags


def call(*flags):
    return read_call(Values(from_flags(argv.parse(flags, build_flags()))))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], Call("build")),
        (["--call", "build"], Call("build")),
        (["--call", "check"], Call("check")),
        (["--call", "lint"], Call("check")),
        (["--check"], Call("check")),
        (["--check", "--call", "check"], Call("check")),
        (["--call", "check,format=sarif"], Call("check", "sarif")),
        (["--call", "targets,format=json"], Call("targets", "json")),
        (["--call", "outline"], Call("outline")),
    ],
)
def test_what_is_asked_for(flags, expected):
    assert call(*flags) == expected


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--call", "run"], "--call: 'run' is not one of build, check, outline, targets"),
        (
            ["--call", "targets,format=sarif"],
            "--call: 'format=sarif' is not format= and one of text, json",
        ),
        (["--call", "outline", "--check"], "--call=outline and --check exclude each other"),
    ],
)
def test_what_cannot_be_asked_for(flags, message):
    with pytest.raises(UsageError) as caught:
        call(*flags)
    assert caught.value.message == message
