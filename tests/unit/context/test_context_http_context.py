"""A URL as the context."""

import io
import tarfile

import pytest

from pybuild.context.dockerfile import read_dockerfile
from pybuild.context.source import source_for
from pybuild.errors import ContextError
from pybuild.http import Retries, Transport
from pybuild.request import BuildRequest
from tools.file_server import FileServer, Served


@pytest.fixture
def server():
    with FileServer() as running:
        yield running


@pytest.fixture
def transport():
    transport = Transport(retries=Retries(sleep=lambda _s: None))
    yield transport
    transport.close()


def archive(mode, size=10):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as tar:
        for name, content in (("Dockerfile", b"FROM scratch\n"), ("a/big", b"x" * size)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return data.getvalue()


def fetch(tmp_path, transport, url, secrets=None, **more):
    request = BuildRequest(context=url, state_dir=tmp_path, now_s=0, **more)
    into = tmp_path / "into"
    into.mkdir()
    source = source_for(request, io.BytesIO(), transport=transport, secrets=secrets)
    return source.fetch(into)


@pytest.mark.parametrize("mode", ["w:", "w:gz", "w:bz2", "w:xz"])
def test_an_archive_is_unpacked_whatever_its_url_says(tmp_path, server, transport, mode):
    server.files["/download"] = Served(archive(mode))
    context = fetch(tmp_path, transport, server.url("/download?id=1"))

    assert context.owned
    assert (context.directory / "a/big").read_bytes() == b"x" * 10
    assert read_dockerfile(context, "", tmp_path).text == "FROM scratch\n"


def test_a_directory_of_it_may_be_the_context(tmp_path, server, transport):
    server.files["/x"] = Served(archive("w:gz"))
    context = fetch(tmp_path, transport, server.url("/x"), context_sub_path="a")

    assert [path.name for path in context.directory.iterdir()] == ["big"]


def test_a_text_is_a_dockerfile_without_files(tmp_path, server, transport):
    server.files["/Dockerfile"] = Served(b"FROM scratch\n")
    context = fetch(tmp_path, transport, server.url("/Dockerfile"))

    assert list(context.directory.iterdir()) == []
    assert read_dockerfile(context, "", tmp_path).text == "FROM scratch\n"


def test_a_download_that_breaks_off_is_made_again(tmp_path, server, transport):
    server.files["/x"] = Served(archive("w:", size=3_000_000), breaks=2)
    context = fetch(tmp_path, transport, server.url("/x"))

    assert (context.directory / "a/big").stat().st_size == 3_000_000
    assert len(list((tmp_path / "into").iterdir())) == 1


def test_a_secret_opens_the_host(tmp_path, server, transport):
    server.files["/x"] = Served(archive("w:"), authorization="Bearer t")
    secrets = {"HTTP_AUTH_TOKEN_127.0.0.1": b"t"}

    assert fetch(tmp_path, transport, server.url("/x"), secrets).directory.is_dir()


@pytest.mark.parametrize(
    ("served", "message"),
    [
        (Served(status=404), "cannot fetch {url}: there is no such file (HTTP 404 Not Found)"),
        (Served(b"PK\3\4" + b"\0" * 600), "cannot unpack the context {url}: "),
        (Served(b""), "the context {url} is empty"),
    ],
)
def test_what_is_no_context(tmp_path, server, transport, served, message):
    server.files["/x"] = served
    with pytest.raises(ContextError) as failed:
        fetch(tmp_path, transport, server.url("/x?sig=s3cr3t"))

    assert failed.value.message.startswith(message.format(url=server.url("/x")))
