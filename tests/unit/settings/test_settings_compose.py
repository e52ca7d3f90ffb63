"""From docker's options to a request."""

from pathlib import Path

import pytest

from pybuild.errors import UsageError
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference, Repository
from pybuild.request import (
    ClientCertificate,
    Credential,
    GitOptions,
    HookOptions,
    Mirror,
    S3Options,
)
from pybuild.settings import argv
from pybuild.settings.compose import compose
from pybuild.settings.option import Kind
from pybuild.settings.place import Place
from pybuild.settings.table import OPTIONS
from pybuild.settings.values import (
    Given,
    Values,
    build_flags,
    from_environment,
    from_flags,
    unknown_variables,
)


def composed(*flags: str, env=None, cwd=Path("/work"), context="."):
    env = {"HOME": "/home/me", **(env or {})}
    layer = from_flags(argv.parse(flags, build_flags()))
    if context:
        layer["context"] = Given((context,), "CONTEXT")
    values = Values(layer, from_environment(env))
    return compose(values, Place(env, cwd, 1_700_000_000))


def request(*flags: str, **rest):
    return composed(*flags, **rest).request


HOST = str(Platform.host())


@pytest.mark.parametrize(
    ("flags", "field", "value"),
    [
        (["-f", "sub/Dockerfile"], "dockerfile", "sub/Dockerfile"),
        (["--target", "builder"], "target", "builder"),
        (["--build-arg", "A=1", "--build-arg=B=x=y"], "build_args", (("A", "1"), ("B", "x=y"))),
        (["--label", "a=b", "--label", "empty"], "labels", (("a", "b"), ("empty", ""))),
        (["--no-cache"], "no_cache", True),
        (["--platform", HOST], "platform", Platform.host()),
        (["--platform", "linux/arm64/v8"], "platform", Platform("linux", "arm64")),
        (["--platform", "linux/s390x"], "platform", Platform("linux", "s390x")),
        (["--rewrite-timestamp"], "rewrite_timestamp", True),
        (["--jobs", "3"], "jobs", 3),
        (["--jobs", ""], "jobs", None),
        (["--state-max-bytes=10g"], "state_max_bytes", 10 << 30),
        (["--rootfs", "inplace"], "rootfs", "inplace"),
        (["--dry-run"], "dry_run", True),
        (["--state-dir", "st"], "state_dir", Path("/work/st")),
        (["--cache-from", "r.io/a/b"], "cache_from", (Repository("r.io", "a/b"),)),
        (
            ["--cache-to", "type=registry,ref=r.io/a/b,mode=max"],
            "cache_to",
            (Repository("r.io", "a/b"),),
        ),
        (
            ["--git-branch", "main", "--git-token", "tok", "--git-user", "me"],
            "git",
            GitOptions("main", "tok", "me"),
        ),
        (
            ["--pre-build", "make", "--pre-build-image", "gcc"],
            "hook",
            HookOptions("make", "gcc"),
        ),
        (["--build-arg", "SOURCE_DATE_EPOCH=7"], "source_date_epoch", 7),
    ],
)
def test_flags_of_build(flags, field, value):
    assert getattr(request(*flags), field) == value


@pytest.mark.parametrize(
    ("flags", "field", "value"),
    [
        (["--insecure-registry", "a:5000"], "insecure_hosts", frozenset({"a:5000"})),
        (["--skip-tls-verify-registry", "a:5"], "unverified_hosts", frozenset({"a:5"})),
        (["--skip-default-registry-fallback"], "mirrors_only", True),
        (["--push-retry", "2"], "push_retries", 2),
        (["--push-retry", "0"], "push_retries", 0),
        (["--image-download-retry=4"], "pull_retries", 4),
        (
            ["--registry-certificate", "r.io:5000=/etc/passwd"],
            "authorities",
            (("r.io:5000", Path("/etc/passwd")),),
        ),
        (
            ["--registry-client-cert", "r.io=/etc/passwd,/etc/group"],
            "client_certificates",
            (ClientCertificate("r.io", Path("/etc/passwd"), Path("/etc/group")),),
        ),
        (
            ["--registry-mirror", "ghcr.io=m.example/pre/fix/"],
            "mirrors",
            (Mirror("ghcr.io", "m.example", "pre/fix"),),
        ),
        (["--registry-mirror", "m.example"], "mirrors", (Mirror("docker.io", "m.example"),)),
        (
            ["--registry-mirror", "index.docker.io=m:5000"],
            "mirrors",
            (Mirror("docker.io", "m:5000"),),
        ),
    ],
)
def test_flags_about_registries(flags, field, value):
    assert getattr(request(*flags).registries, field) == value


@pytest.mark.parametrize(
    ("text", "context"),
    [
        (".", "/work"),
        ("sub/../x", "/work/x"),
        ("-", "-"),
        ("tar://stdin", "-"),
        ("dir:///a/b/", "/a/b"),
        ("tar:///a/b.tar.gz", "/a/b.tar.gz"),
        ("https://h/r.git#main:sub", "https://h/r.git#main:sub"),
        ("git@h.io:o/r.git", "git@h.io:o/r.git"),
        ("s3://bucket/key", "s3://bucket/key"),
        ("odd:name", "/work/odd:name"),
    ],
)
def test_forms_of_contexts(text, context):
    assert request(context=text).context == context


def test_links_are_resolved_at_the_start(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    assert request(context="link", cwd=tmp_path).context == str(tmp_path.resolve() / "real")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--push"], "--push needs a name for the image"),
        (["--push=maybe"], "--push: 'maybe' is neither true nor false"),
        (["-t", "Bad"], "'Bad' is not an image reference: repository names are lower case"),
        (["--rootfs", "inplac"], "--rootfs: 'inplac' is not one of auto, overlay, inplace"),
        (
            ["--platform", "linux/amd64,linux/arm64"],
            "--platform: more than one platform a build is not supported yet",
        ),
        (["--platform", "amd64"], "platform 'amd64' is not of the form os/arch[/variant]"),
        (["--jobs", "0"], "--jobs: '0' is not a whole number from 1 on"),
        (["--state-max-bytes", "much"], "--state-max-bytes: 'much' is not a size"),
        (["-q", "--progress=plain"], "--quiet and --progress=plain exclude each other"),
        (["--push="], "--push: '' is neither true nor false"),
        (
            ["--registry-certificate", "r.io"],
            "--registry-certificate: 'r.io' is not of the form HOST=FILE",
        ),
        (
            ["--registry-client-cert", "r.io=/etc/passwd"],
            "--registry-client-cert: 'r.io=/etc/passwd' is not of the form HOST=CERT,KEY",
        ),
        (
            ["--registry-client-cert", "r.io=/etc/passwd,/nowhere"],
            "--registry-client-cert: there is no file /nowhere",
        ),
        (["--label", "=x"], "--label: '=x' is not of the form NAME=VALUE"),
        (["--cache-to", "type=gha"], "--cache-to type=gha: type=gha is not supported yet"),
        (["--cache-from", "type=registry"], "--cache-from type=registry: ref= is missing"),
        (
            ["--cache-to", "type=registry,ref=r.io/a,mode=min"],
            "--cache-to type=registry,ref=r.io/a,mode=min: mode=min is not supported yet",
        ),
        (["--pre-build-image", "gcc"], "--pre-build-image without commands"),
        (["--username", "u"], "the password for the registry docker.io is missing"),
        (
            ["--build-arg", "SOURCE_DATE_EPOCH=now"],
            "SOURCE_DATE_EPOCH is 'now', not a number of seconds since 1970",
        ),
        (
            ["--dockerconfig", "/nowhere"],
            (
                "--dockerconfig: /nowhere is no file and holds none of config.json and "
                ".dockerconfigjson"
            ),
        ),
        (["--registry-mirror", "https://m"], "--registry-mirror: 'https://m' has a scheme"),
        (
            ["--registry-mirror", "foo=bar=baz"],
            "--registry-mirror: 'foo=bar=baz' is not of the form HOST=MIRROR[/PREFIX]",
        ),
        (
            ["--insecure-registry", "http://x"],
            "--insecure-registry: 'http://x' is not a registry's host",
        ),
    ],
)
def test_what_cannot_be_taken_is_said(flags, message):
    with pytest.raises(UsageError) as caught:
        composed(*flags)

    assert caught.value.message == message


@pytest.mark.parametrize(
    "flags",
    [
        ["--pull"],
        ["--pull=false", "--rm", "--force-rm"],
        ["--builder", "default"],
        ["--provenance=false", "--sbom=false"],
        ["--allow", "network.host"],
    ],
)
def test_flags_of_docker_that_ask_for_what_happens_anyway(flags):
    assert composed(*flags) == composed()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--provenance=mode=max"], "not supported yet: --provenance=mode=max"),
        (["--sbom=true"], "not supported yet: --sbom=true"),
        (["--allow=security.insecure"], "not supported yet: --allow=security.insecure"),
    ],
)
def test_flags_of_docker_that_there_are_not_yet(flags, message):
    with pytest.raises(UsageError) as caught:
        composed(*flags)

    assert caught.value.message == message


def test_the_context_is_required():
    with pytest.raises(UsageError, match="the build context is missing"):
        composed(context="")


def test_the_context_may_be_a_variable():
    assert request(context="", env={"PYBUILD_CONTEXT": "/c"}).context == "/c"


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_default():
    env = {"PYBUILD_TARGET": "from-env", "PYBUILD_ROOTFS": "overlay"}

    assert request("--target", "from-flag", env=env).target == "from-flag"
    assert request("--target", "", env=env).target == ""
    assert request(env=env).target == "from-env"
    assert request(env=env).rootfs == "overlay"
    assert request(env={"PYBUILD_TARGET": ""}).target == ""


def test_tags_in_a_variable_are_separated_by_space_or_newline():
    tags = request(env={"PYBUILD_TAG": "r.io/a:1 r.io/a:2\nr.io/a:1"}).tags

    assert tags == (Reference.parse("r.io/a:1"), Reference.parse("r.io/a:2"))


@pytest.mark.parametrize("flags", [["-q"], ["--quiet"], ["-q", "--progress=quiet"]])
def test_quiet(flags):
    assert composed(*flags).progress == "quiet"


def test_a_bare_build_arg_takes_its_value_from_the_environment():
    prepared = composed("--build-arg", "HAS", "--build-arg", "HASNT", env={"HAS": "v"})

    assert prepared.request.build_args == (("HAS", "v"),)
    assert [w.code for w in prepared.warnings] == ["BuildArgWithoutValue"]


def test_the_tag_of_a_cache_reference_is_not_used_silently():
    prepared = composed("--cache-from", "type=registry,ref=r.io/a:cache")

    assert prepared.request.cache_from == (Repository("r.io", "a"),)
    assert [w.code for w in prepared.warnings] == ["CacheTagUnused"]


def test_the_epoch_of_a_build_arg_wins_over_the_environment():
    env = {"SOURCE_DATE_EPOCH": "5"}

    assert request(env=env).source_date_epoch == 5
    assert request("--build-arg", "SOURCE_DATE_EPOCH=6", env=env).source_date_epoch == 6


def test_registry_credentials_come_from_the_environment_and_are_secret():
    env = {
        "PYBUILD_REGISTRY": "https://index.docker.io/v1/",
        "PYBUILD_USERNAME": "me",
        "PYBUILD_PASSWORD": "hunter22",
        "PYBUILD_GIT_TOKEN": "gittoken",
        "https_proxy": "http://u:proxy%21pw@p:1",
    }
    prepared = composed(env=env)

    assert prepared.request.registries.credentials == (Credential("docker.io", "me", "hunter22"),)
    assert set(prepared.secrets) == {"hunter22", "gittoken", "proxy!pw"}
    assert "hunter22" not in repr(prepared)
    assert "gittoken" not in repr(prepared)


def test_a_password_is_not_a_flag():
    with pytest.raises(UsageError, match="unknown flag: --password"):
        composed("--password", "x")


def test_lent_credentials_come_after_given_ones():
    given = composed(env={"PYBUILD_USERNAME": "me", "PYBUILD_PASSWORD": "hunter22"})
    lent = given.with_credentials((Credential("docker.io", "job", "jobpw"),))

    users = [credential.user for credential in lent.request.registries.credentials]
    assert users == ["me", "job"]
    assert "jobpw" in lent.secrets


def test_config_files_in_order(tmp_path):
    (tmp_path / ".dockerconfigjson").write_text("{}")
    env = {"DOCKER_CONFIG": "/dc", "REGISTRY_AUTH_FILE": "/auth.json"}
    files = request("--dockerconfig", str(tmp_path), env=env).registries.config_files

    assert files == (
        tmp_path.resolve() / ".dockerconfigjson",
        Path("/dc/config.json"),
        Path("/auth.json"),
        Path("/home/me/.docker/config.json"),
        Path("/tekton/creds/.docker/config.json"),
        Path("/kaniko/.docker/config.json"),
    )


@pytest.mark.parametrize(
    ("env", "in_image", "expected"),
    [
        ({"HOME": "/h"}, False, "/h/.cache/pybuild"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, False, "/x/pybuild"),
        ({"HOME": "/h", "PYBUILD_STATE_DIR": "/s"}, True, "/s"),
        ({}, True, "/pybuild/state"),
    ],
)
def test_the_state_directory(env, in_image, expected):
    place = Place(env, Path("/"), 0, in_image)

    assert place.state_dir(env.get("PYBUILD_STATE_DIR", "")) == Path(expected)


def test_no_place_for_the_state_directory_is_an_error():
    with pytest.raises(UsageError, match="HOME is not set"):
        Place({}, Path("/"), 0).state_dir("")


def test_files_for_results():
    files = composed("--iidfile", "i", "--metadata-file", "/m.json").files

    assert (files.image_id, files.metadata, files.digest) == (
        Path("/work/i"),
        Path("/m.json"),
        None,
    )


def test_proxies_by_lower_case_name():
    env = {"HTTP_PROXY": "http://a", "http_proxy": "http://b", "NO_PROXY": "c"}

    assert request(env=env).registries.proxies == (("http_proxy", "http://b"), ("no_proxy", "c"))


def test_credential_helpers_are_looked_up_where_programs_are():
    assert request(env={"PATH": "/kaniko:/bin"}).registries.helper_path == "/kaniko:/bin"


def test_the_store_of_s3_contexts():
    env = {"S3_ENDPOINT": "http://m:9000", "AWS_REGION": "eu-1", "S3_FORCE_PATH_STYLE": "true"}

    assert request(env=env).s3 == S3Options("http://m:9000", "eu-1", force_path_style=True)
    assert request().s3 == S3Options()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("PYBUILD_TAGS", "; did you mean PYBUILD_TAG?"),
        ("PYBUILD_BUILD_ARGS", "; did you mean PYBUILD_BUILD_ARG?"),
        ("PYBUILD_XYZZY_PLUGH", ""),
    ],
)
def test_an_unknown_variable_is_a_warning(name, hint):
    (warning,) = unknown_variables({name: "x", "PYBUILD_TAG": "a", "PATH": "/"})

    assert warning.message == f"the variable {name} is not read by anything{hint}"


def test_every_option_is_described_once():
    names = [option.name for option in OPTIONS]
    flags = [flag for option in OPTIONS for flag in option.kaniko]
    inputs = [option.action for option in OPTIONS if option.action]

    assert len(names) == len(set(names))
    assert len(flags) == len(set(flags))
    assert len(inputs) == len(set(inputs))
    assert all(option.help.endswith(".") for option in OPTIONS)
    assert all(option.metavar or option.kind is Kind.FLAG for option in OPTIONS if option.short)
    assert all(option.default in option.choices for option in OPTIONS if option.choices)


def test_a_certificate_that_is_not_there_is_warned_of():
    """Only a build that asks its registry fails for it."""
    prepared = composed(
        "--registry-certificate=r.io=/nowhere", "--registry-certificate=o.io=/etc/passwd"
    )

    assert prepared.request.registries.authorities == (
        ("r.io", Path("/nowhere")),
        ("o.io", Path("/etc/passwd")),
    )
    assert [warning.message for warning in prepared.warnings] == [
        "there is no file /nowhere with certificates for r.io"
    ]
