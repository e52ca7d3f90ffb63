"""From Kaniko's command line to a request."""

from pathlib import Path

import pytest

from pybuild.errors import UsageError
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference, Repository
from pybuild.request import ClientCertificate, GitOptions, ImageOptions, Mirror, Output
from pybuild.settings import argv, kaniko
from pybuild.settings.compose import compose
from pybuild.settings.place import Place
from pybuild.settings.values import Values, from_environment

NOWHERE = ("--no-push",)


def composed(*arguments, env=None):
    env = {"HOME": "/root", **(env or {})}
    typed = kaniko.from_flags(argv.parse(arguments, kaniko.flags()))
    set_ = kaniko.from_environment(env)
    values = Values(typed.layer, from_environment(env), set_.layer, kaniko.DEFAULTS)
    kaniko.check_destination(values)
    prepared = compose(values, Place(env, Path("/"), 0))
    prepared = prepared.with_warnings((*typed.warnings, *set_.warnings))
    return prepared, (*typed.notes, *set_.notes)


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
        (["--cache", "--cache-repo", "oci:/c"], "cache_from", (Path("/c"),)),
        (["--cache", "--cache-repo", "oci:/c"], "cache_to", (Path("/c"),)),
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
        (["--no-push", "-b", "x"], "not supported yet: -b"),
        (["--no-push", "--ignore-path", "x"], "--ignore-path: 'x' is not an absolute path"),
        (["--no-push", "--compression=lz4"],
         "--compression: 'lz4' is not one of gzip, zstd, uncompressed"),
        (["--no-push", "--compression-level=best"],
         "--compression-level: 'best' is not a whole number"),
        (["--no-push", "--compression-level=10"],
         "--compression-level: gzip has the levels 0 to 9, not 10"),
        (["--no-push", "--snapshot-mode=quick"],
         "--snapshot-mode: 'quick' is not one of full, redo, time"),
        (["--no-push", "--log-format=xml"], "--log-format: 'xml' is not one of text, color, json"),
        (["--no-push", "--cache-ttl=2d"], "--cache-ttl: '2d' is not a duration"),
        (["--no-push", "--push-retry=many"],
         "--push-retry: 'many' is not a whole number from 0 on"),
        (["--no-push", "--registry-map=a"],
         "--registry-map: 'a' is not of the form HOST=MIRROR[/PREFIX]"),
        (["--no-push", "--context="], "the build context is missing"),
        (["--no-push", "--git="], "--git: '' is not of the form key=value"),
        (["--no-push", "--registry-map=a=b;c"],
         "--registry-map: 'c' is not of the form HOST=MIRROR[/PREFIX]"),
        (["--no-push", "--digest-file=https://h/?sig=1"],
         "not supported yet: --digest-file with a URL"),
        (["--no-push", "--image-name-with-digest-file=https://h/"],
         "not supported yet: --image-name-with-digest-file with a URL"),
        (["--no-push", "--tar-path=/x", "--oci-layout-path=/x"],
         "--tar-path and --oci-layout-path: two outputs are written to /x"),
        (["--no-push", "--git", "recurse-submodules=true"],
         "not supported yet: --git recurse-submodules"),
        (["--no-push", "--git", "nonsense=1"], "--git: 'nonsense' is not a setting"),
        (["--no-push", "--cache"], "--cache needs --cache-repo where there is no --destination"),
        (["--no-push", "ctx"], "unexpected argument 'ctx'"),
        (["--destnation=x"], "unknown flag: --destnation"),
        (["--no-push", "false"], "unexpected argument 'false'"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_said(arguments, message):
    with pytest.raises(UsageError) as caught:
        composed(*arguments)

    assert caught.value.message == message


def registries(name):
    return lambda prepared: getattr(prepared.request.registries, name)


def field(name):
    return lambda prepared: getattr(prepared.request, name)


def file(name):
    return lambda prepared: getattr(prepared.files, name)


def said(name):
    return lambda prepared: getattr(prepared, name)


PLAIN, OCI = Path("/etc/passwd"), Path("/o")
MAPS = (Mirror("docker.io", "m.io", "p/q"), Mirror("g.io", "n.io"))

VALUES = [
    ("dockerfile", "D", field("dockerfile"), "D"),
    ("context", "/x", field("context"), "/x"),
    ("context-sub-path", "a", field("context_sub_path"), "a"),
    ("destination", "r.io/a", field("tags"), (Reference.parse("r.io/a"),)),
    ("build-arg", "A=1", field("build_args"), (("A", "1"),)),
    ("target", "t", field("target"), "t"),
    ("label", "a=b", field("labels"), (("a", "b"),)),
    ("tar-path", "/o", field("outputs"), (Output("docker", OCI, True),)),
    ("tarPath", "/o", field("outputs"), (Output("docker", OCI, True),)),
    ("oci-layout-path", "/o", field("outputs"), (Output("oci", OCI, False),)),
    ("digest-file", "/o", file("digest"), OCI),
    ("image-name-with-digest-file", "/o", file("names"), OCI),
    ("image-name-tag-with-digest-file", "/o", file("tagged_names"), OCI),
    ("compression", "zstd", field("image"), ImageOptions("zstd")),
    ("compression-level", "5", field("image"), ImageOptions(level=5)),
    ("compression-level", "-1", field("image"), ImageOptions()),
    ("compression-level", "0", field("image"), ImageOptions()),
    ("cache-ttl", "24h", field("cache_ttl_s"), 86400),
    ("cache-repo", "r.io/c", field("cache_from"), ()),
    ("custom-platform", "linux/arm64", field("platform"), Platform("linux", "arm64")),
    ("customPlatform", "linux/arm64", field("platform"), Platform("linux", "arm64")),
    ("ignore-path", "/a/../product_uuid", field("ignore_paths"), ("/product_uuid",)),
    ("push-retry", "2", registries("push_retries"), 2),
    ("push-retry", "0", registries("push_retries"), None),
    ("image-download-retry", "2", registries("pull_retries"), 2),
    ("image-fs-extract-retry", "2", registries("pull_retries"), 2),
    ("image-fs-extract-retry", "0", registries("pull_retries"), None),
    ("insecure-registry", "h:1", registries("insecure_hosts"), frozenset({"h:1"})),
    ("skip-tls-verify-registry", "h:1", registries("unverified_hosts"), frozenset({"h:1"})),
    ("registry-certificate", "h=/etc/passwd", registries("authorities"), (("h", PLAIN),)),
    ("registry-client-cert", "h=/etc/passwd,/etc/passwd", registries("client_certificates"),
     (ClientCertificate("h", PLAIN, PLAIN),)),
    ("registry-mirror", "m.io/p", registries("mirrors"), (Mirror("docker.io", "m.io", "p"),)),
    ("registry-map", "index.docker.io=m.io/p/q;g.io=n.io", registries("mirrors"), MAPS),
    ("git", "branch=b", field("git"), GitOptions("b")),
    ("verbosity", "debug", said("verbosity"), "debug"),
    ("log-format", "json", said("progress"), "rawjson"),
    ("log-format", "text", said("progress"), "auto"),
]  # fmt: skip
"""Flag, value, what of the build it decides, and what that is then."""


@pytest.mark.parametrize(("name", "value", "read", "expected"), VALUES)
def test_flags_with_a_value(name, value, read, expected):
    joined, _ = composed(*NOWHERE, f"--{name}={value}")
    apart, _ = composed(*NOWHERE, f"--{name}", value)

    assert read(joined) == read(apart) == expected


MAY_BE_EMPTY = sorted({name for name, *_ in VALUES} - {"context", "git"})


@pytest.mark.parametrize("name", MAY_BE_EMPTY)
def test_an_empty_value_is_the_default(name):
    plain, _ = composed(*NOWHERE)

    assert composed(*NOWHERE, f"--{name}=")[0] == plain
    assert composed(*NOWHERE, f"--{name}", "")[0] == plain


CACHE = ["--cache", "--cache-repo=r.io/c"]
MAPPED_SWITCHES = [
    ("no-push", ["-d", "r.io/a"], field("push"), False),
    ("cache", ["--cache-repo=r.io/c"], field("cache_to"), (Repository("r.io", "c"),)),
    ("no-push-cache", CACHE, field("cache_to"), ()),
    ("reproducible", [], field("rewrite_timestamp"), True),
    ("insecure", [], registries("insecure_push"), True),
    ("insecure-pull", [], registries("insecure_pull"), True),
    ("skip-tls-verify", [], registries("unverified_push"), True),
    ("skip-tls-verify", [], registries("unverified_pull"), True),
    ("skip-tls-verify-pull", [], registries("unverified_pull"), True),
    ("skip-default-registry-fallback", [], registries("mirrors_only"), True),
    ("skip-push-permission-check", [], field("check_push"), False),
    ("push-ignore-immutable-tag-errors", [], field("keep_immutable_tags"), True),
    ("log-timestamp", [], said("timestamps"), True),
    ("dryrun", [], field("dry_run"), True),
]
"""Switch, flags it needs, what of the build it decides, and what that is when it is on."""


@pytest.mark.parametrize(("name", "more", "read", "expected"), MAPPED_SWITCHES)
def test_switches(name, more, read, expected):
    more = more if name == "no-push" else [*NOWHERE, *more]
    off, _ = composed(*more, f"--{name}=false", "-d", "r.io/a")

    assert read(off) != expected
    for on in (f"--{name}", f"--{name}=true", f"--{name}=1", f"--{name}=T"):
        assert read(composed(*more, on)[0]) == expected


IDLE = [
    ("snapshot-mode", "redo"), ("snapshotMode", "time"), ("use-new-run", "true"),
    ("cleanup", "true"), ("pre-cleanup", "true"), ("preserve-context", "true"), ("force", "true"),
    ("skip-unused-stages", "true"), ("compressed-caching", "false"), ("cache-copy-layers", "true"),
    ("ignore-var-run", "false"), ("whitelist-var-run", "true"), ("kaniko-dir", "/k"),
    ("cache-dir", "/c"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), IDLE)
def test_flags_without_effect_change_nothing_and_say_so(name, value):
    plain, _ = composed(*NOWHERE)
    prepared, notes = composed(*NOWHERE, f"--{name}={value}")

    assert prepared == plain
    assert len(notes) == 1
    assert notes[0].startswith(f"--{name} changes nothing here: ")


WARNED = [("single-snapshot", "true", "false"), ("cache-run-layers", "false", "true")]


@pytest.mark.parametrize(("name", "value", "harmless"), WARNED)
def test_flags_that_are_not_honoured_are_warned_of(name, value, harmless):
    prepared, _ = composed(*NOWHERE, f"--{name}={value}")
    quiet, _ = composed(*NOWHERE, f"--{name}={harmless}")

    (warning,) = prepared.warnings
    assert warning.code == "KanikoFlagNotHonoured"
    assert warning.message.startswith(f"--{name}={value} is not honoured: ")
    assert quiet.warnings == ()


MISSING = [
    ("annotation", "a=b", None), ("azure-container-registry-config", "/c", ""),
    ("bucket", "b", ""), ("credential-helpers", "ecr", None), ("image-format", "docker", "oci"),
    ("secret", "id=x", None), ("force-build-metadata", "true", "false"),
    ("materialize", "true", "false"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "harmless"), MISSING)
def test_flags_that_would_change_the_result_are_refused(name, value, harmless):
    with pytest.raises(UsageError) as caught:
        composed(*NOWHERE, f"--{name}={value}")

    assert caught.value.message == f"not supported yet: --{name}"
    if harmless is not None:
        assert composed(*NOWHERE, f"--{name}={harmless}") == composed(*NOWHERE)


SWITCHES = sorted(flag.name for flag in kaniko.flags() if flag.boolean and len(flag.name) > 1)


@pytest.mark.parametrize("name", [name for name in SWITCHES if name != "help"])
@pytest.mark.parametrize("value", ["", "maybe"])
def test_a_switch_is_on_or_off(name, value):
    with pytest.raises(UsageError) as caught:
        composed("-d", "r.io/a", f"--{name}={value}")

    assert caught.value.message == f"--{name}: {value!r} is neither true nor false"


def test_every_flag_is_in_one_of_the_tables():
    tables = (VALUES, MAPPED_SWITCHES, IDLE, WARNED, MISSING)
    tested = {name for table in tables for name, *_ in table}

    assert {flag.name for flag in kaniko.flags() if len(flag.name) > 1} - {"help"} == tested


def test_the_epoch_of_a_reproducible_build():
    assert request(*NOWHERE, "--reproducible").source_date_epoch == 0
    given = request(*NOWHERE, "--reproducible", env={"SOURCE_DATE_EPOCH": "7"})
    assert (given.source_date_epoch, given.rewrite_timestamp) == (7, True)
    assert request(*NOWHERE).source_date_epoch is None


def test_cached_steps_are_used_for_two_weeks_where_nothing_else_is_said():
    assert request(*NOWHERE).cache_ttl_s == 336 * 3600


def test_a_tar_and_a_layout_together():
    outputs = request(*NOWHERE, "--tar-path=t", "--oci-layout-path=d").outputs

    assert [output.kind for output in outputs] == ["docker", "oci"]


def test_maps_come_before_mirrors_and_in_order():
    mirrors = request(
        *NOWHERE, "--registry-mirror=last.io", "--registry-map=docker.io=a.io",
        "--registry-map=docker.io=b.io;",
    ).registries.mirrors  # fmt: skip

    assert [mirror.host for mirror in mirrors] == ["a.io", "b.io", "last.io"]


def test_the_map_of_the_environment():
    mirrors = request(*NOWHERE, env={"KANIKO_REGISTRY_MAP": "a.io=b.io/x;c.io=d.io"})

    assert mirrors.registries.mirrors == (Mirror("a.io", "b.io", "x"), Mirror("c.io", "d.io"))


def test_the_directory_of_the_environment_changes_nothing_and_says_so():
    prepared, notes = composed(*NOWHERE, env={"KANIKO_DIR": "/k"})

    assert prepared == composed(*NOWHERE)[0]
    assert notes[0].startswith("KANIKO_DIR changes nothing here: ")


def test_feature_flags_are_warned_of():
    env = {"FF_KANIKO_RUN_VIA_TINI": "1", "FF_KANIKO_COPY_AS_ROOT": ""}
    warnings = composed(*NOWHERE, env=env)[0].warnings

    assert [warning.message for warning in warnings] == [
        "the variable FF_KANIKO_COPY_AS_ROOT changes nothing here",
        "the variable FF_KANIKO_RUN_VIA_TINI changes nothing here",
    ]


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


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (
            "leave out --platform, or begin the stage with FROM --platform=$BUILDPLATFORM",
            "leave out --custom-platform, or begin the stage with FROM --platform=$BUILDPLATFORM",
        ),
        ("give it with --tag", "give it with --destination"),
        ("name it with --file, relative to", "name it with --dockerfile, relative to"),
        ("put --state-dir elsewhere", "put --state-dir elsewhere"),
        ("", ""),
    ],
)
def test_hints_name_the_flags_of_the_executor(hint, said):
    assert kaniko.in_kanikos_words(hint) == said


def test_only_layouts_are_without_names():
    tar, layout = Output("docker", Path("/t"), True), Output("oci", Path("/o"), False)

    assert kaniko.exact_layouts((tar, layout)) == (tar, Output("oci", Path("/o"), False, False))
