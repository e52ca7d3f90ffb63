"""Which rules count: directives, build arguments, comments above an instruction."""

import pytest

from pybuild.checks.check import Surroundings, check
from pybuild.checks.config import config_of, failing
from pybuild.checks.rules import RULES
from pybuild.dockerfile.parser import parse
from pybuild.errors import DockerfileError
from pybuild.graph.scope import global_scope
from pybuild.oci.platform import Platform

AMD64 = Platform.parse("linux/amd64")


def violations(text, build_arg="", **around):
    dockerfile = parse(text, file="Dockerfile")
    scope = global_scope(dockerfile, {}, AMD64, "")
    return check(dockerfile, config_of(dockerfile, build_arg), Surroundings(AMD64, scope, **around))


def found(text, build_arg="", **around):
    return [(v.rule.name, v.location.first_line) for v in violations(text, build_arg, **around)]


def test_a_comment_above_an_instruction_speaks_of_it_alone():
    text = (
        "FROM scratch\n# check=skip=MaintainerDeprecated\nMAINTAINER a\nMAINTAINER b\n"
        "# check=skip=all\n# why\nCMD x\n"
    )
    assert found(text) == [("MaintainerDeprecated", 4)]


def test_a_build_argument_wins_over_the_file():
    text = "# check=skip=all\nFROM scratch\nMAINTAINER a\nCMD x\n"
    assert found(text) == []
    assert found(text, "skip=JSONArgsRecommended") == [("MaintainerDeprecated", 3)]


def test_names_of_rules_have_no_case():
    assert found("# check=skip=maintainerDEPRECATED\nFROM scratch\nMAINTAINER a\n") == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("skip", "check directive: invalid check option 'skip'"),
        ("warn=A", "check directive: invalid check option 'warn=A'"),
        ("error=maybe", 'check directive: failed to parse check option "error=maybe"'),
    ],
)
def test_a_malformed_directive(value, message):
    with pytest.raises(DockerfileError) as caught:
        found(f"# check={value}\nFROM scratch\n")
    assert caught.value.message == message


def test_violations_fail_a_build_where_they_are_errors():
    text = "# check=error=true\nFROM scratch AS A\nMAINTAINER a\nMAINTAINER b\n"
    dockerfile = parse(text, file="Dockerfile")
    assert config_of(dockerfile, "").error
    error = failing(violations(text), dockerfile)
    assert error.message == "lint violation found for rules: MaintainerDeprecated, StageNameCasing"
    assert "   2 | >>> FROM scratch AS A" in error.excerpt


def test_nothing_is_said_of_variables_where_the_base_image_is_not_known():
    text = "FROM a AS one\nENV x=$NOPE\nFROM one\nENV x=$NOPE\nFROM scratch\nENV x=$NOPE\n"
    assert found(text, bases={0: None}) == [("UndefinedVar", 6)]


def test_names_that_only_tell_where_a_secret_is():
    text = "FROM scratch\nARG TOKEN_FILE SECRET_VERSION PUBLIC_KEY\n"
    assert found(text) == []


@pytest.mark.parametrize(
    ("name", "link"),
    [
        ("JSONArgsRecommended", "json-args-recommended"),
        ("UndefinedArgInFrom", "undefined-arg-in-from"),
        ("SecretsUsedInArgOrEnv", "secrets-used-in-arg-or-env"),
    ],
)
def test_every_rule_of_dockers_has_its_link(name, link):
    assert RULES[name].url == f"https://docs.docker.com/go/dockerfile/rule/{link}/"
