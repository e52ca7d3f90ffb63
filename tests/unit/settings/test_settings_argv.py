"""The command line is read as pflag reads it."""

import pytest

from pybuild.errors import UsageError
from pybuild.settings.argv import Flag, parse

FLAGS = (
    Flag("tag"),
    Flag("t"),
    Flag("target"),
    Flag("push", boolean=True),
    Flag("q", boolean=True),
    Flag("build-arg"),
)


@pytest.mark.parametrize(
    ("arguments", "flags", "positionals"),
    [
        (["--tag=a"], [("tag", "a")], ()),
        (["--tag", "a"], [("tag", "a")], ()),
        (["--target", ""], [("target", "")], ()),
        (["--target="], [("target", "")], ()),
        (["--build-arg", "--x"], [("build-arg", "--x")], ()),
        (["--build-arg", "A=b=c"], [("build-arg", "A=b=c")], ()),
        (["--push", "."], [("push", "true")], (".",)),
        (["--push=false", "."], [("push", "false")], (".",)),
        (["--push", "false"], [("push", "true")], ("false",)),
        (["-t", "a"], [("t", "a")], ()),
        (["-ta"], [("t", "a")], ()),
        (["-t=a"], [("t", "a")], ()),
        (["-qt", "a"], [("q", "true"), ("t", "a")], ()),
        (["-"], [], ("-",)),
        (["a", "--tag", "b", "c"], [("tag", "b")], ("a", "c")),
        (["--", "--tag"], [], ("--tag",)),
        (["--tag", "--", "x"], [("tag", "--")], ("x",)),
    ],
)
def test_forms_of_arguments(arguments, flags, positionals):
    parsed = parse(arguments, FLAGS)

    assert [(flag.name, value) for flag, value in parsed.flags] == flags
    assert parsed.positionals == positionals


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--tags=a"], "unknown flag: --tags", "did you mean --tag?"),
        (["--taget=a"], "unknown flag: --taget", "did you mean --target?"),
        (["--zzz"], "unknown flag: --zzz", "--help lists the flags"),
        (["-x"], "unknown flag: -x", "--help lists the flags"),
        (["--t=a"], "unknown flag: --t", "--help lists the flags"),
        (["--tag"], "--tag needs a value", ""),
        (["-t"], "-t needs a value", ""),
    ],
)
def test_errors_name_the_flag(arguments, message, hint):
    with pytest.raises(UsageError) as caught:
        parse(arguments, FLAGS)

    assert (caught.value.message, caught.value.hint) == (message, hint)
