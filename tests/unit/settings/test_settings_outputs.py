"""Docker's ``--output``, ``--load`` and the form of the image."""

import socket
from pathlib import Path

import pytest

from pybuild.errors import UsageError
from pybuild.oci.reference import Reference
from pybuild.request import ImageOptions, Output
from pybuild.settings import argv
from pybuild.settings.compose import compose
from pybuild.settings.place import Place
from pybuild.settings.values import Given, Values, build_flags, from_environment, from_flags


def request(*flags, env=None, cwd=Path("/work")):
    env = {"HOME": "/home/me", **(env or {})}
    layer = {**from_flags(argv.parse(flags, build_flags())), "context": Given((".",), "CONTEXT")}
    return compose(Values(layer, from_environment(env)), Place(env, cwd, 0)).request


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("out", Output("local", Path("/work/out"), False)),
        ("../a=b", Output("local", Path("/a=b"), False)),
        ("type=local,dest=out", Output("local", Path("/work/out"), False)),
        ("type=tar,dest=o.tar", Output("tar", Path("/work/o.tar"), True)),
        ("type=oci,dest=o.tar", Output("oci", Path("/work/o.tar"), True)),
        ("type=oci,tar=false,dest=/o", Output("oci", Path("/o"), False)),
        ("dest=/o,type=oci,tar=0", Output("oci", Path("/o"), False)),
        ("type=docker,dest=d.tar", Output("docker", Path("/work/d.tar"), True)),
        ('type=oci,"dest=a,b.tar"', Output("oci", Path("/work/a,b.tar"), True)),
        ("type=local,dest=o,mode=copy", Output("local", Path("/work/o"), False)),
        ("TYPE=tar,DEST=/o", Output("tar", Path("/o"), True)),
        ("-", Output("tar", None, True)),
        ("type=tar,dest=-", Output("tar", None, True)),
        ("type=tar", Output("tar", None, True)),
        ("type=oci,dest=-", Output("oci", None, True)),
        ("type=oci", Output("oci", None, True)),
        ("type=docker,dest=-", Output("docker", None, True)),
    ],
)
def test_what_is_written_where(text, output):
    built = request("-o", text)

    assert built.outputs == (output,)
    assert not built.push


def test_several_outputs_together():
    built = request(
        "-o", "out", "-o", "type=oci,dest=i", "-o", "type=registry,name=r.io/a:1", "-t", "r.io/b:2"
    )

    assert [output.kind for output in built.outputs] == ["local", "oci"]
    assert built.push
    assert built.tags == (Reference.parse("r.io/b:2"), Reference.parse("r.io/a:1"))


@pytest.mark.parametrize(
    ("text", "push"),
    [
        ("type=registry", True),
        ("type=registry,push=true", True),
        ("type=image,push=true", True),
        ("type=image", False),
        ("type=image,push=false,unpack=false,store=true", False),
        ("type=cacheonly", False),
    ],
)
def test_outputs_that_push(text, push):
    built = request("-t", "r.io/a", "-o", text)

    assert (built.push, built.outputs) == (push, ())


def test_several_names_of_an_image():
    names = request("-o", 'type=image,push=true,"name=r.io/a:1,r.io/b"').tags

    assert names == (Reference.parse("r.io/a:1"), Reference.parse("r.io/b:latest"))


@pytest.mark.parametrize(
    ("keys", "form"),
    [
        ("compression=zstd", ImageOptions(compression="zstd")),
        ("compression=gzip,compression-level=9", ImageOptions(level=9)),
        ("compression-level=0", ImageOptions(level=0)),
        ("compression=zstd,compression-level=22", ImageOptions("zstd", 22)),
        ("compression=uncompressed", ImageOptions("uncompressed")),
        ("force-compression=true", ImageOptions(force=True)),
        ("force-compression=0", ImageOptions()),
        ("oci-mediatypes=false", ImageOptions(oci_media_types=False)),
        ("oci-mediatypes=1", ImageOptions()),
    ],
)
@pytest.mark.parametrize("kind", ["type=oci,dest=o", "type=docker,dest=o", "type=image"])
def test_the_form_of_the_image(keys, form, kind):
    assert request("-o", f"{kind},{keys}").image == form


def test_the_form_may_be_a_variable():
    env = {"PYBUILD_COMPRESSION": "zstd", "PYBUILD_COMPRESSION_LEVEL": "7"}

    assert request(env=env).image == ImageOptions("zstd", 7)
    assert request("-o", "type=oci,dest=o,compression=zstd", env=env).image == ImageOptions(
        "zstd", 7
    )


def test_times_are_rewritten_where_an_output_asks():
    assert request("-o", "type=oci,dest=o,rewrite-timestamp=true").rewrite_timestamp
    assert not request("-o", "type=oci,dest=o,rewrite-timestamp=false").rewrite_timestamp


TYPES = "oci, docker, tar, local, image, registry, cacheonly"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("type=local,dest=-", "a directory cannot be written to standard output"),
        ("type=oci,tar=false,dest=-", "a directory cannot be written to standard output"),
        ("type=oci,tar=false", "dest= is missing"),
        ("type=local", "dest= is missing"),
        ("dest=x,tar=true", f"the type is not one of {TYPES}"),
        ("type=zip,dest=x", f"the type is not one of {TYPES}"),
        ("type=tar,dest=x,compression=zstd", "type=tar has no compression="),
        ("type=registry,dest=x", "type=registry has no dest="),
        ("type=oci,dest=x,push=true", "type=oci has no push="),
        ("type=oci,dest=x,annotation.a=b", "annotation.a=b is not supported yet"),
        ("type=local,dest=x,mode=delete", "mode=delete is not supported yet"),
        ("type=image,registry.insecure=true", "registry.insecure=true is not supported yet"),
        ("type=docker,dest=x,tar=false", "a docker archive is always one file"),
        ("type=oci,dest=x,tar=maybe", "tar: 'maybe' is neither true nor false"),
        ("type=image,push=", "push: '' is neither true nor false"),
        ("type=oci,dest=x,compression=estargz", "the compression 'estargz' is not supported"),
        ("type=oci,dest=x,compression-level=10", "gzip has the levels 0 to 9, not 10"),
        ("type=image,compression-level=high", "'high' is not a whole number from 0 on"),
        (
            "type=image,compression=uncompressed,compression-level=1",
            "compression=uncompressed has no level",
        ),
    ],
)
def test_what_cannot_be_taken_is_said(text, problem):
    with pytest.raises(UsageError) as caught:
        request("-o", text)

    assert caught.value.message == f"--output {text}: {problem}"


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        (
            "type=oci,dest=x,compression=zstd",
            "type=image,compression=gzip",
            "compression=gzip",
        ),
        (
            "type=oci,dest=x,oci-mediatypes=true",
            "type=image,oci-mediatypes=0",
            "oci-mediatypes=false",
        ),
        (
            "type=oci,dest=x,rewrite-timestamp=false",
            "type=image,rewrite-timestamp=true",
            "rewrite-timestamp=true",
        ),
    ],
)
def test_outputs_that_contradict_each_other(first, second, key):
    with pytest.raises(UsageError) as caught:
        request("-o", first, "-o", second)

    assert caught.value.message == f"--output {second}: {key} contradicts --output {first}"


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (["type=oci,dest"], "--output: 'dest' in 'type=oci,dest' is not of the form key=value"),
        (["out", "type=local,dest=./out"], "--output: two outputs are written to /work/out"),
        (["-", "type=oci"], "--output: two outputs are written to standard output"),
        (["type=registry"], "--push needs a name for the image"),
    ],
)
def test_outputs_that_are_wrong_together_or_in_form(outputs, message):
    with pytest.raises(UsageError) as caught:
        request(*(part for output in outputs for part in ("-o", output)))

    assert caught.value.message == message


def test_an_option_does_not_contradict_an_output():
    with pytest.raises(UsageError, match="PYBUILD_COMPRESSION: compression=gzip contradicts --out"):
        request("-o", "type=oci,dest=o,compression=zstd", env={"PYBUILD_COMPRESSION": "gzip"})


def test_the_same_form_twice_is_no_contradiction():
    built = request(
        "-o", "type=oci,dest=a,oci-mediatypes=1", "-o", "type=oci,dest=b,oci-mediatypes=true"
    )

    assert len(built.outputs) == 2


@pytest.fixture
def daemon(tmp_path):
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        yield path


@pytest.mark.parametrize("flags", [["--load"], ["-o", "type=docker"], ["--output=type=docker"]])
def test_an_image_is_loaded_into_the_daemon(daemon, flags):
    built = request(*flags, env={"DOCKER_HOST": f"unix://{daemon}"})

    assert (built.load_socket, built.outputs) == (daemon, ())


def test_without_load_no_socket_is_looked_for():
    assert request(env={"DOCKER_HOST": "tcp://h:2375"}).load_socket is None


@pytest.mark.parametrize(
    ("flags", "host", "message"),
    [
        (["--load"], "tcp://h:2375", "--load: DOCKER_HOST names no unix socket"),
        (["--load"], "unix:///no.sock", "--load: there is no Docker socket at /no.sock"),
        (["--load"], "unix:///etc/passwd", "--load: there is no Docker socket at /etc/passwd"),
        (
            ["-o", "type=docker"],
            "unix:///no.sock",
            "--output type=docker: there is no Docker socket at /no.sock",
        ),
    ],
)
def test_where_an_image_cannot_be_loaded(flags, host, message):
    with pytest.raises(UsageError) as caught:
        request(*flags, env={"DOCKER_HOST": host})

    assert caught.value.message == message
    assert "type=docker,dest=FILE" in caught.value.hint
