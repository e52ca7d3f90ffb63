"""Finding the Dockerfile, its ignore file, and a local context."""

import io
import os
from pathlib import Path

import pytest

from pybuild.context.dockerfile import read_dockerfile
from pybuild.context.dockerignore import ignore_text
from pybuild.context.local import LocalDirectory
from pybuild.context.source import source_for
from pybuild.errors import ContextError
from pybuild.ports import FetchedContext
from pybuild.request import BuildRequest


@pytest.fixture
def cwd(tmp_path):
    (tmp_path / "cwd").mkdir()
    return tmp_path / "cwd"


def context(tmp_path, *, owned=True, **files):
    root = tmp_path / "context"
    root.mkdir(exist_ok=True)
    for name, text in files.items():
        (root / name).write_text(text)
    return FetchedContext(root, owned)


def test_dockerfile_in_the_context_is_the_default(tmp_path, cwd):
    (cwd / "Dockerfile").write_text("wrong")
    found = read_dockerfile(context(tmp_path, Dockerfile="one", dockerfile="two"), "", cwd)

    assert (found.name, found.text) == ("Dockerfile", "one")
    assert found.path == tmp_path / "context/Dockerfile"


def test_its_lower_case_name_is_the_second_choice(tmp_path, cwd):
    assert read_dockerfile(context(tmp_path, dockerfile="two"), "", cwd).name == "dockerfile"


def test_a_relative_name_is_looked_for_in_the_working_directory_first(tmp_path, cwd):
    (cwd / "Dockerfile").write_text("cwd")
    place = context(tmp_path, Dockerfile="context", other="context")

    assert read_dockerfile(place, "Dockerfile", cwd).text == "cwd"
    assert read_dockerfile(place, "other", cwd).text == "context"


def test_a_directory_of_the_name_is_passed_over(tmp_path, cwd):
    (cwd / "docker").mkdir()
    assert read_dockerfile(context(tmp_path, docker="file"), "docker", cwd).text == "file"


def test_an_absolute_name(tmp_path, cwd):
    (cwd / "D").write_text("x")
    found = read_dockerfile(context(tmp_path), str(cwd / "D"), Path("/"))

    assert (found.name, found.text) == (str(cwd / "D"), "x")


def test_none_at_all(tmp_path, cwd):
    with pytest.raises(ContextError) as missing:
        read_dockerfile(context(tmp_path), "D", cwd)

    assert missing.value.message == (f"there is no Dockerfile at {cwd}/D or {tmp_path}/context/D")


@pytest.mark.parametrize("given", ["", "../../secret", "sub/../../secret", "link", "via/secret"])
def test_a_fetched_context_is_never_left(tmp_path, cwd, given):
    (tmp_path / "secret").write_text("s3cr3t")
    place = context(tmp_path)
    (place.directory / "Dockerfile").symlink_to("../secret")
    (place.directory / "link").symlink_to("../secret")
    (place.directory / "via").symlink_to(tmp_path)
    if given == "../../secret":
        given = "x/../../secret"
        (place.directory / "x").mkdir()

    with pytest.raises(ContextError) as refused:
        read_dockerfile(place, given, cwd)

    assert "leads out of the context" in refused.value.message


def test_a_link_within_the_context_is_followed(tmp_path, cwd):
    place = context(tmp_path, real="FROM x")
    (place.directory / "Dockerfile").symlink_to("real")

    assert read_dockerfile(place, "", cwd).text == "FROM x"


def test_the_users_own_directory_may_link_out(tmp_path, cwd):
    (tmp_path / "shared").write_text("FROM y")
    place = context(tmp_path, owned=False)
    (place.directory / "Dockerfile").symlink_to("../shared")

    assert read_dockerfile(place, "", cwd).text == "FROM y"


def test_text_that_is_not_utf8_is_one_line(tmp_path, cwd):
    place = context(tmp_path)
    (place.directory / "Dockerfile").write_bytes(b"FROM x\n# caf\xe9\n")
    with pytest.raises(ContextError) as bad:
        read_dockerfile(place, "", cwd)

    assert bad.value.message == "Dockerfile is not UTF-8 text: byte 12 is 0xe9"


def test_a_pipe_is_not_waited_for(tmp_path, cwd):
    place = context(tmp_path)
    os.mkfifo(place.directory / "Dockerfile")
    with pytest.raises(ContextError, match="Dockerfile is not a file"):
        read_dockerfile(place, "", cwd)


def piped(tmp_path, data, place="context"):
    (tmp_path / "into").mkdir()
    request = BuildRequest(
        context=str(tmp_path / place), state_dir=tmp_path, now_s=0, dockerfile="-"
    )
    return source_for(request, io.BytesIO(data)).fetch(tmp_path / "into")


def test_a_dockerfile_on_standard_input(tmp_path, cwd):
    place = context(tmp_path, Dockerfile="wrong").directory
    (place / "Dockerfile.dockerignore").write_text("not for this one")
    (place / ".dockerignore").write_text("for all")
    fetched = piped(tmp_path, b"FROM x")
    found = read_dockerfile(fetched, "-", cwd)

    assert fetched.directory == place
    assert (found.name, found.text) == ("Dockerfile", "FROM x")
    assert ignore_text(place, found.path) == "for all"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the Dockerfile is standard input, and nothing came"),
        (b"\xff", "Dockerfile is not UTF-8 text: byte 0 is 0xff"),
        (b"#" * ((16 << 20) + 1), "Dockerfile is larger than 16 MiB"),
    ],
    ids=["nothing", "not text", "too large"],
)
def test_standard_input_that_is_no_dockerfile(tmp_path, cwd, data, message):
    context(tmp_path)
    with pytest.raises(ContextError) as refused:
        read_dockerfile(piped(tmp_path, data), "-", cwd)

    assert refused.value.message == message


@pytest.mark.parametrize("given", ["https://h/D", "http://h/D"])
def test_a_dockerfile_at_a_url(tmp_path, cwd, given):
    with pytest.raises(ContextError) as refused:
        read_dockerfile(context(tmp_path), given, cwd)

    assert refused.value.message == "a Dockerfile cannot be given as a URL"
    assert refused.value.hint


def test_a_local_directory_is_used_in_place(tmp_path):
    (tmp_path / "real/sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")

    fetched = LocalDirectory(tmp_path / "link", "sub/").fetch(tmp_path)

    assert fetched == FetchedContext(tmp_path / "real/sub", owned=False)


@pytest.mark.parametrize(
    ("name", "problem"), [("none", "does not exist"), ("file", "is not a directory")]
)
def test_a_local_context_that_is_none(tmp_path, name, problem):
    (tmp_path / "file").touch()
    with pytest.raises(ContextError) as failed:
        LocalDirectory(tmp_path / name).fetch(tmp_path)

    assert failed.value.message == f"the context {tmp_path / name} {problem}"
