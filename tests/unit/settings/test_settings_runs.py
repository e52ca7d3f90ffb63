"""What surrounds a RUN: secrets, agents, hosts, limits, annotations and named contexts."""

import socket
from pathlib import Path

import pytest

from pybuild.errors import UsageError
from pybuild.request import Annotation, RunOptions, Secret, SshAgent
from pybuild.settings import argv
from pybuild.settings.compose import compose
from pybuild.settings.place import Place
from pybuild.settings.values import Given, Values, build_flags, from_environment, from_flags


def prepared(*flags, env=None, cwd="/work"):
    env = {"HOME": "/home/me", **(env or {})}
    layer = {**from_flags(argv.parse(flags, build_flags())), "context": Given((".",), "CONTEXT")}
    return compose(Values(layer, from_environment(env)), Place(env, Path(cwd), 1_700_000_000))


def run_options(*flags, **place):
    return prepared(*flags, **place).request.run


def refusal(*flags, **place):
    with pytest.raises(UsageError) as caught:
        prepared(*flags, **place)
    return caught.value.message


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "token").write_text("from-file")
    (tmp_path / "big").write_bytes(b"x" * (500 * 1024 + 1))
    return tmp_path.resolve()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id=a,src=token", ("a", "token", None)),
        ("id=a,source=token,type=file", ("a", "token", None)),
        ("id=a,env=TOKEN", ("a", None, "from-env")),
        ("id=a,src=TOKEN,type=env", ("a", None, "from-env")),
        ("type=env,id=TOKEN", ("TOKEN", None, "from-env")),
        ("id=TOKEN", ("TOKEN", None, "from-env")),
        ("id=token", ("token", "token", None)),
    ],
)
def test_a_secret_comes_from_a_file_or_a_variable(folder, text, expected):
    name, file, value = expected
    secret = Secret(name, file and folder / file, value)
    options = run_options("--secret", text, env={"TOKEN": "from-env"}, cwd=folder)
    assert options.secrets == (secret,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("src=token", "--secret src=token: id= is missing"),
        ("id=a,src=gone", "--secret: secret a: {}/gone is not a file that can be read"),
        ("id=a,src=.", "--secret: secret a: {} is not a file that can be read"),
        ("id=a,src=big", "--secret: secret a is too big; at most 512000 bytes"),
        ("id=a,mode=1", "--secret id=a,mode=1: mode is not known"),
        ("id=a,type=x", "--secret id=a,type=x: type=x is not known"),
        ("a", "--secret: 'a' in 'a' is not of the form key=value"),
    ],
)
def test_a_secret_that_cannot_be_had(folder, text, message):
    assert refusal("--secret", text, cwd=folder) == message.format(folder)


def test_secrets_of_an_action_are_values_variables_and_files(folder):
    env = {
        "PYBUILD_SECRET_VALUE": 'one=first\n"two=a\nb"',
        "PYBUILD_SECRET_ENV": "three=TOKEN",
        "PYBUILD_SECRET_FILE": "four=token",
        "TOKEN": "third",
    }
    found = prepared(env=env, cwd=folder)
    assert found.request.run.secrets == (
        Secret("one", value="first"),
        Secret("two", value="a\nb"),
        Secret("three", value="third"),
        Secret("four", file=folder / "token"),
    )
    assert {"first", "a\nb", "third"} <= set(found.secrets)
    assert "first" not in repr(found.request)


def test_a_malformed_secret_value_is_not_repeated():
    assert refusal(env={"PYBUILD_SECRET_VALUE": "hunter2"}) == (
        "PYBUILD_SECRET_VALUE: an entry is not of the form ID=…"
    )


def test_a_variable_that_is_not_set_is_warned_of():
    found = prepared("--secret", "id=a,env=GONE")
    assert [warning.message for warning in found.warnings] == [
        "secret a: its variable is not set, or empty"
    ]


def test_an_agent_is_named_by_its_socket(tmp_path):
    path = tmp_path / "agent"
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(path))
        options = run_options(
            "--ssh", "default", "--ssh", f"other={path}", env={"SSH_AUTH_SOCK": str(path)}
        )
    assert options.ssh == (SshAgent("default", path), SshAgent("other", path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("default", "--ssh default: SSH_AUTH_SOCK is not set"),
        ("a=token", "--ssh a=token: a key is not supported, only the socket of an agent"),
        ("a=gone", "--ssh a=gone: there is no socket at {}/gone"),
    ],
)
def test_an_agent_that_is_not_there(folder, text, message):
    assert refusal("--ssh", text, cwd=folder) == message.format(folder)


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        (["--add-host", "a.b:1.2.3.4"], {"hosts": (("a.b", "1.2.3.4"),)}),
        (["--add-host", "a=1.2.3.4"], {"hosts": (("a", "1.2.3.4"),)}),
        (["--add-host", "six:[::1]"], {"hosts": (("six", "::1"),)}),
        (["--add-host", "six:fe80::2"], {"hosts": (("six", "fe80::2"),)}),
        (["--network", "none"], {"network": "none"}),
        (["--shm-size", "64m"], {"shm_bytes": 64 << 20}),
        (["--ulimit", "nofile=10:20"], {"limits": (("nofile", 10, 20),)}),
        (["--ulimit", "core=0", "--ulimit", "core=-1"], {"limits": (("core", -1, -1),)}),
    ],
)
def test_what_surrounds_every_run(flag, expected):
    assert run_options(*flag) == RunOptions(**expected)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        (["--add-host", "a"], "--add-host: 'a' is not of the form HOST:ADDRESS"),
        (["--add-host", "a:b"], "--add-host: 'a:b' is not of the form HOST:ADDRESS"),
        (["--add-host", "a b:1.1.1.1"], "--add-host: 'a b' is not the name of a host"),
        (
            ["--add-host", "h:host-gateway"],
            "--add-host h:host-gateway: there is no host gateway here; give an address",
        ),
        (["--ulimit", "nofile"], "--ulimit: 'nofile' is not of the form NAME=SOFT[:HARD]"),
        (["--ulimit", "files=1"], "--ulimit: files is not the name of a limit"),
        (["--ulimit", "core=2:1"], "--ulimit: core=2:1: the soft limit is above the hard one"),
        (["--network", "bridge"], "--network: 'bridge' is not one of default, none, host"),
    ],
)
def test_what_cannot_surround_a_run(flag, message):
    assert refusal(*flag) == message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=b=c", [("manifest", "a", "b=c")]),
        ("manifest:a=b", [("manifest", "a", "b")]),
        ("manifest[linux/amd64]:a=b", [("manifest", "a", "b")]),
        (
            "manifest,manifest-descriptor:a=b",
            [("manifest", "a", "b"), ("manifest-descriptor", "a", "b")],
        ),
        ("com.example.a=x:y", [("manifest", "com.example.a", "x:y")]),
    ],
)
def test_an_annotation_names_its_documents(text, expected):
    found = prepared("--annotation", text).request.annotations
    assert found == tuple(Annotation(*one) for one in expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "--annotation: 'a' is not of the form [LEVEL:]NAME=VALUE"),
        (
            "index:a=b",
            "--annotation index:a=b: index annotations not supported for single platform export",
        ),
        ("layer:a=b", "--annotation layer:a=b: layer is not the name of a document"),
    ],
)
def test_an_annotation_that_has_no_document(text, message):
    assert refusal("--annotation", text) == message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n=../up", ("n", "/up")),
        ("n=https://h/r.git#main", ("n", "https://h/r.git#main")),
        ("alpine=docker-image://r.io/a:1", ("alpine", "docker-image://r.io/a:1")),
        ("n=oci-layout://out:v1", ("n", "oci-layout:///work/out:v1")),
        ("n=oci-layout://out@sha256:ab", ("n", "oci-layout:///work/out@sha256:ab")),
        ("n=target:other", ("n", "target:other")),
    ],
)
def test_named_contexts_have_resolved_paths(text, expected):
    assert prepared("--build-context", text).request.build_contexts == (expected,)


def test_a_later_context_of_the_same_name_wins():
    found = prepared("--build-context", "n=a", "--build-context", "n=b").request.build_contexts
    assert found == (("n", "/work/b"),)
