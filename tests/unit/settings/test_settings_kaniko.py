"""From Kaniko's command line to a request."""

from pathlib import Path

import pytest

from pybuild.errors import UsageError
from pybuild.oci.reference import Reference, Repository
from pybuild.request import GitOptions, Mirror, Output
from pybuild.settings import argv, kaniko
from pybuild.settings.compose import compose
from pybuild.settings.place import Place
from pybuild.settings.values import Values, from_environment

NOWHERE = ("--no-push",)


def composed(*arguments, env=None):
    env = {"HOME": "/root", **(env or {})}
    given, notes = kaniko.from_flags(argv.parse(arguments, kaniko.flags()))
    values = Values(given, from_environment(env), kaniko.from_environment(env), kaniko.DEFAULTS)
    kaniko.check_destination(values)
    return compose(values, Place(env, Path("/"), 0)), notes


def request(*arguments, env=None):
    return composed(*arguments, env=env)[0].request


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        ([], "context", "/workspace"),
        (["-c", "/x/"], "context", "/x"),
        (["--context=dir:///x"], "context", "/x"),
        (["--context=tar://stdin"], "context", "-"),
        (["--context", "git://h/r.git#refs/heads/b#c0ffee"], "context",
         "git://h/r.git#refs/heads/b#c0ffee"),
        (["--context-sub-path", "a/b"], "context_sub_path", "a/b"),
        (["-f", "D"], "dockerfile", "D"),
        (["--dockerfile=D"], "dockerfile", "D"),
        (["--target", ""], "target", ""),
        (["--build-arg", "A=1", "--build-arg=B=2"], "build_args", (("A", "1"), ("B", "2"))),
        (["--label=a=b"], "labels", (("a", "b"),)),
        (["--tar-path", "/out/i.tar"], "outputs", (Output("docker", Path("/out/i.tar"), True),)),
        (["--tarPath=/o,1.tar"], "outputs", (Output("docker", Path("/o,1.tar"), True),)),
        (["--cache=false"], "cache_to", ()),
        (["--cache", "--cache-repo", "r.io/c"], "cache_to", (Repository("r.io", "c"),)),
        (["--cache=true", "--cache-repo=r.io/c"], "cache_from", (Repository("r.io", "c"),)),
        (["--cache-repo", "r.io/c"], "cache_to", ()),
        (["--git", "branch=b", "--git=single-branch=true"], "git", GitOptions("b")),
    ],
)  # fmt: skip
def test_flags_of_the_executor(arguments, field, value):
    assert getattr(request(*NOWHERE, *arguments), field) == value


def test_the_image_is_pushed_to_its_destinations():
    built = request("-d", "r.io/a:1", "--destination=r.io/b")

    assert built.push
    assert built.tags == (Reference.parse("r.io/a:1"), Reference.parse("r.io/b:latest"))


@pytest.mark.parametrize("arguments", [["--no-push"], ["--no-push=true"]])
def test_no_push(arguments):
    assert not request("--destination", "r.io/a", *arguments).push


def test_no_push_false_pushes():
    assert request("--destination", "r.io/a", "--no-push=false").push


def test_the_variable_no_push_counts():
    assert not request("--destination", "r.io/a", env={"KANIKO_NO_PUSH": "true"}).push


@pytest.mark.parametrize(
    ("destination", "cache"),
    [
        ("r.io:5000/a/b:1", Repository("r.io:5000", "a/b/cache")),
        ("r.io:5000/a", Repository("r.io:5000", "a/cache")),
    ],
)
def test_the_cache_lies_below_the_first_destination(destination, cache):
    built = request("--destination", destination, "-d", "other.io/x", "--cache")

    assert built.cache_from == built.cache_to == (cache,)


def test_plain_http_and_mirrors():
    options = request(
        *NOWHERE, "--insecure", "--insecure-pull", "--registry-mirror", "m.io/prefix"
    ).registries

    assert options.insecure_push
    assert options.insecure_pull
    assert options.mirrors == (Mirror("docker.io", "m.io", "prefix"),)


@pytest.mark.parametrize(
    ("env", "git"),
    [
        ({"GIT_TOKEN": "tok", "GIT_USERNAME": "u", "GIT_PASSWORD": "p"}, GitOptions("", "tok")),
        ({"GIT_USERNAME": "u", "GIT_PASSWORD": "pw"}, GitOptions("", "pw", "u")),
    ],
)
def test_git_credentials_of_the_environment(env, git):
    prepared = composed(*NOWHERE, env=env)[0]

    assert prepared.request.git == git
    assert git.token in prepared.secrets


def test_the_mirror_of_the_environment():
    mirrors = request(*NOWHERE, env={"KANIKO_REGISTRY_MIRROR": "m.io"}).registries.mirrors

    assert mirrors == (Mirror("docker.io", "m.io"),)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "you must provide --destination if the image is to be pushed"),
        (["--no-push", "--reproducible"], "not supported yet: --reproducible"),
        (["--no-push", "--single-snapshot"], "not supported yet: --single-snapshot"),
        (["--no-push", "--compression=zstd"], "not supported yet: --compression"),
        (["--no-push", "-b", "x"], "not supported yet: --bucket"),
        (["--no-push", "--ignore-path", "/x"], "not supported yet: --ignore-path"),
        (["--no-push", "--git", "recurse-submodules=true"],
         "not supported yet: --git recurse-submodules"),
        (["--no-push", "--git", "nonsense=1"], "--git: 'nonsense' is not a setting"),
        (["--no-push", "--cache"], "--cache needs --cache-repo where there is no --destination"),
        (["--no-push", "--cache", "--cache-repo", "oci:/x"],
         "not supported yet: --cache-repo oci:/x"),
        (["--no-push", "ctx"], "unexpected argument 'ctx'"),
        (["--destnation=x"], "unknown flag: --destnation"),
        (["--no-push", "false"], "unexpected argument 'false'"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_said(arguments, message):
    with pytest.raises(UsageError) as caught:
        composed(*arguments)

    assert caught.value.message == message


@pytest.mark.parametrize(
    "arguments",
    [
        ["--reproducible=false"],
        ["--compression", "gzip"],
        ["--oci-layout-path="],
        ["--skip-tls-verify=false"],
    ],
)
def test_values_that_ask_for_what_happens_anyway_are_taken(arguments):
    assert request(*NOWHERE, *arguments).context == "/workspace"


def test_flags_without_effect_are_told_to_those_who_ask():
    _, notes = composed(*NOWHERE, "--snapshot-mode", "redo", "--use-new-run", "--force=true")

    assert notes == (
        "--snapshot-mode changes nothing here: changes are found without hashing files",
        "--use-new-run changes nothing here: changes are found without hashing files",
        "--force changes nothing here: what a place can do is tried, not guessed",
    )


def test_the_map_of_the_environment_is_not_ignored():
    with pytest.raises(UsageError, match="not supported yet: the variable KANIKO_REGISTRY_MAP"):
        composed(*NOWHERE, env={"KANIKO_REGISTRY_MAP": "a=b"})


@pytest.mark.parametrize(("method", "http"), [("", False), ("https", False), ("http", True)])
def test_the_git_pull_method(method, http):
    assert kaniko.pull_http({"GIT_PULL_METHOD": method}) is http


def test_another_git_pull_method_is_an_error():
    with pytest.raises(UsageError, match="GIT_PULL_METHOD is 'ssh', neither http nor https"):
        kaniko.pull_http({"GIT_PULL_METHOD": "ssh"})


ORIGINAL_FLAGS = """
    dockerfile f context c context-sub-path bucket b destination d build-arg target snapshot-mode
    single-snapshot use-new-run cache cache-repo cache-dir cache-ttl cache-copy-layers
    cache-run-layers compressed-caching compression compression-level cleanup custom-platform
    no-push no-push-cache tar-path oci-layout-path digest-file image-name-with-digest-file
    image-name-tag-with-digest-file push-retry push-ignore-immutable-tag-errors
    skip-push-permission-check image-fs-extract-retry image-download-retry insecure insecure-pull
    skip-tls-verify skip-tls-verify-pull insecure-registry skip-tls-verify-registry
    registry-certificate registry-client-cert registry-map registry-mirror
    skip-default-registry-fallback label git ignore-path ignore-var-run reproducible
    skip-unused-stages force-build-metadata kaniko-dir force verbosity v log-format log-timestamp
    snapshotMode customPlatform tarPath whitelist-var-run azure-container-registry-config
""".split()  # noqa: SIM905 - ninety names read better so


def test_no_flag_of_kaniko_is_unknown():
    known = [flag.name for flag in kaniko.flags()]

    assert set(ORIGINAL_FLAGS) - set(known) == set()
    assert len(known) == len(set(known))
